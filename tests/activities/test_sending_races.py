"""What a text may meet on its way that nobody planned: a report before the answer, a provider that forgot, a change of mind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from installation import Installation, OneChannel
from sqlalchemy import select, update
from temporalio.exceptions import ApplicationError
from test_doubts import Woken, doubts

from activities.channels.port import (
    CannotTell,
    DeliveryReport,
    InDoubt,
    OutgoingSms,
    Reason,
    Receipt,
    Status,
    TryLater,
    Undeliverable,
)
from pathways.engine.events import AnyEvent, CallMade, Paused, TextsChosen
from records.attempts import Attempts
from records.database import Database
from records.patients import Patients
from records.tables import Attempt, ChannelState, Delivery, TaskRow
from workflows.contract import Deliver, Delivered, Handover


@dataclass
class Slow(OneChannel):
    """A channel that takes the text, and whose answer comes after ``meanwhile``."""

    meanwhile: Callable[[OutgoingSms], Awaitable[object]] | None = None
    given_up: Exception | None = None
    finding: Exception | None = None
    tries: list[OutgoingSms] = field(default_factory=list)

    async def send(self, sms: OutgoingSms) -> Receipt:
        self.tries.append(sms)
        receipt = await super().send(sms)
        if self.meanwhile is not None:
            await self.meanwhile(sms)
        return receipt

    async def find(self, sms: OutgoingSms):  # type: ignore[no-untyped-def]
        if self.finding is not None:
            self.asked.append(sms)
            raise self.finding
        return await super().find(sms)


@pytest.fixture
async def chat() -> OneChannel:
    return OneChannel("chat")


@pytest.fixture
async def slow() -> Slow:
    return Slow()


@pytest.fixture
async def installation(database: Database, slow: Slow, chat: OneChannel) -> Installation:
    there = Installation(database, channel=slow, more=(chat,))
    await there.begin()
    return there


@pytest.fixture
async def message(installation: Installation) -> Handover:
    return await installation.until("message")


async def _step(installation: Installation) -> list[Handover]:
    return (await installation.step((await installation.row()).last_step + 1)).handovers


def _reported(installation: Installation, status: Status, reason: Reason | None) -> Callable[[OutgoingSms], Awaitable[object]]:
    async def told(sms: OutgoingSms) -> None:
        await installation.reports.take(DeliveryReport(sms.attempt, "SM1", status, reason), channel="one")

    return told


async def test_a_text_that_was_lost_before_the_provider_had_answered_goes_another_way(
    installation: Installation, message: Handover, slow: Slow, chat: OneChannel
) -> None:
    slow.meanwhile = _reported(installation, "failed", "unreachable")
    assert await installation.deliver(message) == Delivered(status="handed")
    assert (len(slow.sent), len(chat.sent)) == (1, 1)
    assert (await installation.delivery(message.key)).channel == "chat"


async def test_a_text_that_was_lost_before_the_answer_and_has_no_other_way_is_told_to_a_person(database: Database) -> None:
    slow = Slow()
    there = Installation(database, channel=slow)
    await there.begin()
    message = await there.until("message")
    slow.meanwhile = _reported(there, "failed", "unreachable")
    await there.deliver(message)
    assert (await there.delivery(message.key)).status == "failed"
    await _step(there)
    assert "phone_reminder" in str((await there.state())["tasks"])


async def test_a_text_that_is_found_to_be_lost_is_not_taken_for_one_that_went(
    installation: Installation, message: Handover, slow: Slow, chat: OneChannel
) -> None:
    slow.does = InDoubt("no answer")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    slow.finding = Undeliverable("unreachable", code=30003)
    assert await installation.deliver(message) == Delivered(status="handed")
    assert (len(slow.sent), len(chat.sent)) == (0, 1)


async def test_a_text_of_which_nobody_knew_and_that_is_found_to_be_lost_is_told_once(
    installation: Installation, message: Handover, slow: Slow
) -> None:
    slow.does, slow.finds = InDoubt("no answer"), CannotTell("the list may lag")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    installation.now += timedelta(hours=1)
    assert (await installation.deliver(message)).status == "unknown"
    slow.finding = Undeliverable("landline", code=30006)
    assert await doubts(installation, Woken()).settle() == {"failed": 1}
    assert (await installation.delivery(message.key)).reason == "landline"
    assert await doubts(installation, Woken()).settle() == {}


async def test_housekeeping_leaves_what_is_found_to_be_lost_to_the_workflow(
    installation: Installation, message: Handover, slow: Slow, chat: OneChannel
) -> None:
    slow.does = InDoubt("no answer")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    installation.now += timedelta(hours=1)
    slow.finding = Undeliverable("unreachable")
    waker = Woken()
    assert await doubts(installation, waker).settle() == {"planned": 1}
    assert waker.woken
    assert await installation.deliver(message) == Delivered(status="handed")
    assert (slow.sent, len(chat.sent)) == ([], 1)


async def test_two_vendors_may_give_the_same_number_to_their_texts(
    installation: Installation, message: Handover, chat: OneChannel
) -> None:
    await installation.deliver(message)
    async with installation.database.begin() as session:
        session.add(
            Attempt(
                id="of-the-other",
                patient_id=installation.patient,
                key="message/of/chat",
                number=1,
                channel="chat",
                at=installation.now,
                status="taken",
                provider_id="SM1",
                sealed=b"",
            )
        )
    for channel in ("one", "chat"):
        async with installation.database.reading() as session:
            named = await Attempts(session).told_of(None, "SM1", channel)
        assert named is not None
        assert named.channel == channel


async def test_a_report_that_was_held_up_by_another_sees_what_that_one_learnt(
    installation: Installation, message: Handover
) -> None:
    await installation.deliver(message)
    attempt = await installation.attempt(message.key)
    async with installation.database.reading() as session:
        seen = await Attempts(session).told_of(attempt.id, "SM1", "one")
        assert seen is not None
        change = update(Attempt).where(Attempt.id == attempt.id).values(arrived="delivered")
        await session.execute(change.execution_options(synchronize_session=False))
        (seen,) = await Attempts(session).all(installation.patient, message.key)
        assert seen.arrived == "delivered"
        await session.rollback()


async def test_a_text_that_was_given_up_in_doubt_stays_in_doubt_for_a_person_and_is_not_asked_about_for_ever(
    installation: Installation, message: Handover, slow: Slow
) -> None:
    slow.does, slow.finds = InDoubt("no answer"), CannotTell("the list may lag")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    installation.now += timedelta(days=3)
    asked = Deliver(installation.patient, message.key, "message")
    assert (await installation.places.give_up_delivery(asked)).learnt
    assert (await installation.delivery(message.key)).status == "unknown"
    installation.now += timedelta(days=1)
    assert await doubts(installation, Woken()).settle() == {}


async def test_what_cannot_be_settled_does_not_stand_before_what_can(installation: Installation, message: Handover) -> None:
    """Somebody who was forgotten, and texts of a channel that is gone, are no reason to ask about nobody else."""
    async with installation.database.begin() as session:
        for number in range(3):
            session.add(
                Attempt(
                    id=f"old-{number}",
                    patient_id=installation.patient,
                    key=f"message/old/{number}",
                    number=1,
                    channel="one",
                    at=installation.now - timedelta(days=30 - number),
                    status="begun",
                    sealed=b"",
                )
            )
    installation.channel.does, installation.channel.finds = InDoubt("no answer"), CannotTell("the list may lag")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    installation.now += timedelta(hours=1)
    housekeeping = doubts(installation, Woken())
    object.__setattr__(housekeeping, "limit", 2)
    assert await housekeeping.settle() == {"unknown": 1}


async def test_nobody_asks_every_minute_for_three_days(installation: Installation, message: Handover) -> None:
    installation.channel.does, installation.channel.finds = InDoubt("no answer"), CannotTell("the list may lag")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    for _ in range(3 * 24 * 3):
        installation.now += timedelta(minutes=20)
        await doubts(installation, Woken()).settle()
    assert 10 <= len(installation.channel.asked) <= 20


async def test_somebody_who_was_forgotten_is_not_asked_about(installation: Installation, message: Handover) -> None:
    installation.channel.does = InDoubt("no answer")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    async with installation.database.begin() as session:
        await Patients(session, installation.vault).forget(installation.patient)
    installation.now += timedelta(hours=1)
    assert await doubts(installation, Woken()).settle() == {}
    assert installation.channel.asked == []


async def _settled(installation: Installation, event: Callable[[object], AnyEvent]) -> None:
    await installation.tell(event)
    await _step(installation)


async def test_a_routine_text_that_waits_does_not_reach_somebody_who_paused(
    installation: Installation, message: Handover, slow: Slow
) -> None:
    slow.does = TryLater("throttled")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    await _settled(installation, lambda now: Paused(id="p", at=now, learnt=now))  # type: ignore[arg-type]
    slow.does = None
    assert (await installation.deliver(message)).status == "dropped"
    assert slow.sent == []


async def test_a_text_that_waits_does_not_go_to_a_number_that_is_somebody_elses(
    installation: Installation, message: Handover, slow: Slow
) -> None:
    slow.does = TryLater("throttled")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    await _settled(installation, lambda now: CallMade(id="w", at=now, learnt=now, outcome="wrong_number"))  # type: ignore[arg-type]
    slow.does = None
    assert (await installation.deliver(message)).status == "failed"
    assert slow.sent == []
    await _step(installation)
    async with installation.database.reading() as session:
        tasks = [row.kind for row in await session.scalars(select(TaskRow)) if row.status == "open"]
    assert "find_number" in tasks
    assert len(tasks) == len(set(tasks))


async def test_a_text_that_was_lost_goes_no_other_way_when_its_kind_is_not_wanted_any_more(
    installation: Installation, message: Handover, slow: Slow, chat: OneChannel
) -> None:
    await installation.deliver(message)
    kinds = ("reminders", "referrals", "refills")
    await _settled(installation, lambda now: TextsChosen(id="c", at=now, learnt=now, refused=kinds))  # type: ignore[arg-type]
    attempt = await installation.attempt(message.key)
    await installation.reports.take(DeliveryReport(attempt.id, "SM1", "undelivered", "unreachable"))
    for handover in await _step(installation):
        await installation.deliver(handover)
    assert chat.sent == []


async def test_a_channel_that_hangs_after_its_rest_is_not_opened_to_everybody(
    installation: Installation, message: Handover, slow: Slow
) -> None:
    over = installation.now - timedelta(seconds=1)
    async with installation.database.begin() as session:
        session.add(ChannelState(name="one", failures=2, paused_until=over, why="their_fault", changed=over))
    slow.does = InDoubt("no answer")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    async with installation.database.reading() as session:
        (state,) = await session.scalars(select(ChannelState))
    assert state.paused_until is not None, "it rested, and the text that went first was not taken"
    assert state.paused_until > installation.now


async def test_a_safety_text_is_given_to_a_person_when_its_time_is_over_however_long_a_provider_wants_to_wait(
    database: Database,
) -> None:
    there = Installation(database)
    await there.begin()
    message = await there.until("message")
    async with there.database.begin() as session:
        row = await session.get_one(Delivery, (there.patient, message.key))
        row.urgent, row.not_after = True, there.now + timedelta(hours=6)
    there.channel.does = TryLater("throttled", after=timedelta(days=2))
    with pytest.raises(ApplicationError) as waits:
        await there.deliver(message)
    assert waits.value.next_retry_delay is not None
    assert waits.value.next_retry_delay <= timedelta(hours=1)
    row.not_after = there.now + timedelta(minutes=10)
    async with there.database.begin() as session:
        (await session.get_one(Delivery, (there.patient, message.key))).not_after = there.now + timedelta(minutes=10)
    with pytest.raises(ApplicationError) as rests:
        await there.deliver(message)
    assert rests.value.next_retry_delay is not None
    assert rests.value.next_retry_delay <= timedelta(minutes=10, seconds=5)
