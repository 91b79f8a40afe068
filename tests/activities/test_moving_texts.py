"""A text about a day that moves is taken back while it is only planned; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from installation import Installation

from activities.outbox import Outbox
from pathways.engine.commands import Part, RetractMessage, SendMessage
from pathways.language import load_published
from pathways.language.catalogue import library
from pathways.serial import load_command
from records.database import Database
from records.patients import Patients
from records.tables import Delivery
from workflows.contract import Handover

SOON = Part("hypertension", "visit_soon", date(2025, 3, 17))
READY = Part("hypertension", "refill_ready", about="refill#1")


@pytest.fixture
async def installation(database: Database) -> Installation:
    there = Installation(database)
    await there.begin()
    return there


async def carried_out(installation: Installation, *decided: SendMessage | RetractMessage) -> Delivery:
    async with installation.database.begin() as session:
        held = await Patients(session, installation.vault).held(installation.patient)
        assert held is not None
        now = await installation.clock.now(session)
        outbox = Outbox(session, held.patient, held.person, now, now.date())
        await outbox.carry_out(decided)
    return await installation.delivery("message/1")


async def text(installation: Installation, *parts: Part) -> SendMessage:
    async with installation.database.begin() as session:
        now = await installation.clock.now(session)
    return SendMessage("message/1", "patient", parts, now + timedelta(hours=6))


async def said(installation: Installation) -> tuple[Part, ...]:
    delivery = await installation.delivery("message/1")
    async with installation.database.begin() as session:
        person = await Patients(session, installation.vault).vault_of(installation.patient)
        command = load_command(person.open("delivery/message/1", delivery.sealed))
    assert isinstance(command, SendMessage)
    return command.parts


async def test_a_text_that_is_only_planned_is_not_handed_over_once_it_is_retracted(installation: Installation) -> None:
    planned = await carried_out(installation, await text(installation, SOON))
    assert planned.status == "planned"
    dropped = await carried_out(installation, RetractMessage("message/1", "due_moved"))
    assert (dropped.status, dropped.reason) == ("dropped", "due_moved")
    assert (await installation.deliver(Handover("message/1", "message", False))).status == "settled"


async def test_a_text_that_says_more_loses_only_what_is_no_longer_right(installation: Installation) -> None:
    await carried_out(installation, await text(installation, SOON, READY))
    kept = await carried_out(installation, RetractMessage("message/1", "due_moved", (("hypertension", "visit_soon"),)))
    assert kept.status == "planned"
    assert await said(installation) == (READY,)


async def test_a_text_that_may_have_gone_out_stands(installation: Installation) -> None:
    await carried_out(installation, await text(installation, SOON))
    async with installation.database.begin() as session:
        delivery = await session.get_one(Delivery, (installation.patient, "message/1"))
        delivery.status = "attempting"
    assert (await carried_out(installation, RetractMessage("message/1", "due_moved"))).status == "attempting"
    assert await carried_out(installation, RetractMessage("message/1", "due_moved")) is not None


async def test_a_text_is_told_in_the_words_of_the_version_that_planned_it(installation: Installation) -> None:
    shipped = library()["hypertension"]
    assert shipped.document is not None
    before = load_published(shipped.document.text.replace("your visit with us is", "your day with us is"), file="before")
    assert before.wording.messages != shipped.wording.messages
    installation.plans.loaded["before"] = before
    await carried_out(installation, await text(installation, replace(SOON, version="before")))
    assert (await installation.deliver(Handover("message/1", "message", False))).status == "handed"
    assert "our day with us is" in installation.channel.sent[-1].text


async def test_a_text_whose_version_is_not_there_any_more_is_told_in_the_words_of_now(installation: Installation) -> None:
    await carried_out(installation, await text(installation, replace(SOON, version="forgotten")))
    assert (await installation.deliver(Handover("message/1", "message", False))).status == "handed"
