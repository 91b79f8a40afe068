"""Texts to many patients over HTTP to a provider that throttles, breaks off, and calls back late, twice or never: one SMS each."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from spine.twilio_fakes import faking
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.channels.registry import Channels
from activities.channels.twilio import TwilioChannel, TwilioSettings
from activities.messages import MessageActivities
from pathways.engine.commands import Part, SendMessage
from pathways.serial import dump_command
from records.patients import NewPatient, Patients, Profile
from records.tables import Attempt, Delivery, Message
from tests.api.conftest import START, Network
from tests.api.serving import served
from workers.twilio_fake.serving import ACCOUNT, NUMBER, TOKEN, Served
from workflows.contract import Deliver

MANY = 120
FAULTS = {
    "throttle": 0.05, "down": 0.02, "cut_after": 0.03, "error_after": 0.02, "gateway_after": 0.02, "error_before": 0.01,
    "lose": 0.05, "repeat": 0.1, "shuffle": 0.1,
}  # fmt: skip


async def _planned(network: Network) -> list[Deliver]:
    """A text planned for each of many patients, each with a phone of their own."""
    parts, due = network.parts, []
    async with parts.database.begin() as session:
        for number in range(MANY):
            profile = Profile(given=f"Person {number}", phone=f"+86138{number:08d}")
            new = NewPatient(profile, "team-1", "en", "Asia/Shanghai")
            patient, person = await Patients(session, parts.vault).add(new, at=START)
            patient.life = "active"
            until = START + timedelta(hours=6)
            command = SendMessage("message/1", "patient", (Part("", "on_call_alert"),), until)
            sealed = person.seal("delivery/message/1", dump_command(command))
            session.add(
                Delivery(
                    patient_id=patient.id,
                    key="message/1",
                    kind="message",
                    status="planned",
                    planned=START,
                    not_after=until,
                    sealed=sealed,
                )
            )
            due.append(Deliver(patient.id, "message/1", "message"))
    return due


async def _hand_over(messages: MessageActivities, asked: Deliver, at_once: asyncio.Semaphore) -> str:
    """As the workflow does, without its pauses: again and again until it is settled."""
    for _ in range(30):
        try:
            async with at_once:
                return (await messages.deliver_message(asked)).status
        except ApplicationError:
            continue
    raise AssertionError("a text that is never settled")


def _channel(fake: Served, api: str, network: Network) -> TwilioChannel:
    async def now() -> datetime:
        async with network.parts.database.reading() as session:
            return await network.parts.clock.now(session)

    settings = TwilioSettings(
        account_sid=ACCOUNT,
        auth_token=TOKEN,
        from_number=NUMBER,
        callback_url=f"{api}/api/v1/hooks/twilio/status",
        base_url=fake.url,
    )
    return TwilioChannel(settings, now=now)


async def test_every_patient_gets_one_sms_whatever_the_provider_does(network: Network, tmp_path: Path) -> None:
    parts = network.parts

    async def now() -> datetime:
        return START

    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(faking(tmp_path / "fake.db", now=now, faults=FAULTS))
        hears = _channel(fake, "http://nowhere", network)
        api = await stack.enter_async_context(served(replace(parts, channels=Channels.of(hears), public_url="")))
        sends = await stack.enter_async_context(_channel(fake, api.url, network))
        messages = MessageActivities(parts.database, parts.vault, parts.plans, parts.clock, Channels.of(sends))
        at_once = asyncio.Semaphore(8)
        came_of = Counter(await asyncio.gather(*(_hand_over(messages, one, at_once) for one in await _planned(network))))
        await fake.provider.settled()
        texted = {to: count for to, count in fake.provider.store.counts(["to_"])}
    async with parts.database.reading() as session:
        deliveries = list(await session.scalars(select(Delivery)))
        attempts = list(await session.scalars(select(Attempt)))
        shown = len(list(await session.scalars(select(Message))))
    assert set(texted.values()) == {1}, "nobody is texted twice"
    unknown = [delivery for delivery in deliveries if delivery.status == "unknown"]
    assert {delivery.status for delivery in deliveries} <= {"handed", "unknown"}
    assert len(texted) >= MANY - len(unknown), "who was not texted is told to a person"
    assert len(unknown) <= 0.03 * MANY
    assert shown == MANY - len(unknown)
    assert sum(came_of.values()) == MANY
    assert Counter(attempt.status for attempt in attempts)["taken"] == MANY - len(unknown)
    assert len(attempts) > MANY, "some were throttled, and tried again"
    assert sum(delivery.arrived == "delivered" for delivery in deliveries) >= 0.85 * MANY
