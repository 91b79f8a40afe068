"""Texting: once, or not at all and said so; whatever the provider does, and whatever has changed meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from installation import Installation
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.channels.port import CannotTell, Found, InDoubt, Misconfigured, Receipt, TryLater, Undeliverable
from activities.sending.doubting import PATIENCE
from pathways.engine.events import AnswerReceived, AnyEvent, Died, Hospitalised
from records.database import Database
from records.patients import STATE, Patients
from records.tables import EventRow, Patient
from workflows.contract import Delivered, Handover


@pytest.fixture
async def installation(database: Database) -> Installation:
    there = Installation(database)
    await there.begin()
    return there


@pytest.fixture
async def message(installation: Installation) -> Handover:
    return await installation.until("message")


async def _events(installation: Installation) -> list[str]:
    async with installation.database.reading() as session:
        return list(await session.scalars(select(EventRow.kind).order_by(EventRow.seq)))


async def test_a_message_goes_out_once_however_often_it_is_asked_for(installation: Installation, message: Handover) -> None:
    assert await installation.deliver(message) == Delivered(status="handed")
    assert await installation.deliver(message) == Delivered(status="settled")
    (sms,) = installation.channel.sent
    assert (sms.to, sms.key) == ("+8613900000001", message.key)
    assert sms.text.startswith("Centre: Anna, ")
    assert (await installation.counts())["message"] == 1


async def test_after_a_death_in_between_the_provider_is_asked_and_believed(installation: Installation, message: Handover) -> None:
    installation.channel.does = InDoubt(
        "no answer"
    )  # the process dies, or the line does: the attempt is stored, the outcome is not
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    installation.channel.does = None
    installation.channel.finds = Found(Receipt("SM9", "delivered"))
    assert await installation.deliver(message) == Delivered(status="handed")
    assert installation.channel.sent == []
    attempt = await installation.attempt(message.key)
    assert (attempt.provider_id, attempt.number, attempt.status) == ("SM9", 1, "taken")
    delivery = await installation.delivery(message.key)
    assert (delivery.arrived, attempt.arrived, attempt.told) == ("delivered", "delivered", installation.now)


async def test_what_was_certainly_not_taken_is_sent_as_a_new_attempt(installation: Installation, message: Handover) -> None:
    installation.channel.does = InDoubt("no answer")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    installation.channel.does = None
    assert await installation.deliver(message) == Delivered(status="handed")
    assert installation.channel.asked[0].attempt != installation.channel.sent[0].attempt


async def test_where_the_provider_cannot_tell_nothing_is_sent_and_a_person_calls(
    installation: Installation, message: Handover
) -> None:
    installation.channel.does = InDoubt("no answer")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    installation.channel.does, installation.channel.finds = None, CannotTell("too long ago")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    installation.now += PATIENCE
    assert await installation.deliver(message) == Delivered(learnt=True, status="unknown")
    assert installation.channel.sent == []
    assert "message_failed" in await _events(installation)


@pytest.mark.parametrize(
    "refusal", [TryLater("busy", after=timedelta(seconds=7)), Misconfigured("set the token")], ids=["try later", "misconfigured"]
)
async def test_a_provider_that_asks_us_to_wait_is_asked_again_and_nothing_is_in_doubt(
    installation: Installation, message: Handover, refusal: Exception
) -> None:
    installation.channel.does = refusal
    with pytest.raises(ApplicationError) as waits:
        await installation.deliver(message)
    assert waits.value.next_retry_delay == (timedelta(seconds=7) if isinstance(refusal, TryLater) else timedelta(minutes=1))
    assert (await installation.delivery(message.key)).status == "planned"
    installation.channel.does = None
    assert await installation.deliver(message) == Delivered(status="handed")
    assert installation.channel.asked == []


async def test_a_number_that_does_not_exist_is_learnt(installation: Installation, message: Handover) -> None:
    installation.channel.does = Undeliverable("no_such_number")
    assert await installation.deliver(message) == Delivered(learnt=True, status="failed")
    row = await installation.row()
    await installation.step(row.last_step + 1)
    assert "find_number" in str((await installation.state())["tasks"])


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (lambda now: Died(id="x", at=now, learnt=now), "ended"),
        (lambda now: Hospitalised(id="x", at=now, learnt=now), "ended"),
        (lambda now: AnswerReceived(id="x", at=now, learnt=now, kind="stop"), "opted_out"),
    ],
    ids=["died", "in hospital", "said stop"],
)
async def test_whoever_must_not_be_texted_any_more_is_not(
    installation: Installation, message: Handover, event: type[AnyEvent], why: str
) -> None:
    await installation.tell(event)
    await installation.step((await installation.row()).last_step + 1)
    await installation.deliver(message)
    assert installation.channel.sent == []
    assert (await installation.delivery(message.key)).reason == why


async def test_a_message_that_comes_too_late_is_dropped_and_said(installation: Installation, message: Handover) -> None:
    installation.now += timedelta(days=1)
    assert await installation.deliver(message) == Delivered(learnt=True, status="dropped")
    assert (await installation.delivery(message.key)).reason == "too_late"


async def test_a_snapshot_of_an_older_engine_holds_no_message_up(installation: Installation, message: Handover) -> None:
    async with installation.database.begin() as session:
        patient = await session.get_one(Patient, installation.patient)
        person = await Patients(session, installation.vault).vault_of(patient.id)
        patient.state = person.seal(STATE, {**person.open(STATE, patient.state or b""), "schema": 0})
    assert await installation.deliver(message) == Delivered(status="handed")


async def test_nothing_is_sent_for_somebody_forgotten(installation: Installation, message: Handover) -> None:
    async with installation.database.begin() as session:
        await Patients(session, installation.vault).forget(installation.patient)
    assert await installation.deliver(message) == Delivered(status="settled")
    assert installation.channel.sent == []
