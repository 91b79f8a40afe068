"""What nobody settled is asked about again: a text in doubt becomes one that went out, or one that did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from installation import Installation
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.channels.port import CannotTell, Found, InDoubt, Receipt, TryLater
from activities.doubts import Doubts
from activities.integrity import Integrity
from activities.recovery import Progress, Recovery, RecoveryStopped
from activities.waking import NotWoken
from records.database import Database
from records.patients import NewPatient, Patients, Profile
from records.tables import EventRow, Patient
from workflows.contract import Handover


@dataclass
class Woken:
    """Notes who is woken and who is started; ``away_after``: how many starts Temporal bears."""

    woken: dict[str, int] = field(default_factory=dict)
    started: dict[str, int] = field(default_factory=dict)
    away_after: int = 1000

    async def wake(self, patient: str, *, next_step: int = 1) -> None:
        self.woken[patient] = next_step

    async def start(self, patient: str, *, next_step: int = 1) -> bool:
        if patient in self.started:
            return False
        if len(self.started) >= self.away_after:
            raise NotWoken("UNAVAILABLE")
        self.started[patient] = next_step
        return True


@pytest.fixture
async def installation(database: Database) -> Installation:
    there = Installation(database)
    await there.begin()
    return there


@pytest.fixture
async def left(installation: Installation) -> Handover:
    """A message that was being handed over when the process died, an hour ago."""
    message = await installation.until("message")
    installation.channel.does = InDoubt("no answer")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    installation.channel.does = None
    installation.now += timedelta(hours=1)
    return message


def doubts(installation: Installation, waker: Woken) -> Doubts:
    return Doubts(installation.database, installation.clock, installation.messages, waker)  # type: ignore[arg-type]


async def _events(installation: Installation) -> list[str]:
    async with installation.database.reading() as session:
        return list(await session.scalars(select(EventRow.event_id).order_by(EventRow.seq)))


async def test_a_text_that_the_provider_has_is_settled_and_kept_as_sent(installation: Installation, left: Handover) -> None:
    installation.channel.finds = Found(Receipt("SM7", "delivered"))
    assert await doubts(installation, Woken()).settle() == {"handed": 1}
    delivery = await installation.delivery(left.key)
    assert (delivery.status, (await installation.attempt(left.key)).provider_id) == ("handed", "SM7")
    assert (await installation.counts())["message"] == 1
    assert await doubts(installation, Woken()).settle() == {}


async def test_a_text_that_the_provider_has_not_is_left_to_the_workflow(installation: Installation, left: Handover) -> None:
    waker = Woken()
    assert await doubts(installation, waker).settle() == {"planned": 1}
    assert waker.woken.keys() == {installation.patient}
    assert installation.channel.sent == [], "nothing is sent from housekeeping"
    await installation.deliver(left)
    assert [sms.key for sms in installation.channel.sent] == [left.key]


async def test_what_nobody_can_tell_becomes_unknown_at_once_and_is_asked_about_until_it_is_known(
    installation: Installation, left: Handover
) -> None:
    waker = Woken()
    installation.channel.finds = CannotTell("the list may lag")
    assert await doubts(installation, waker).settle() == {"unknown": 1}
    assert f"{left.key}/unknown" in await _events(installation)
    assert waker.woken, "the next step opens a call for a person"
    assert await doubts(installation, waker).settle() == {"unknown": 1}
    installation.channel.finds = Found(Receipt("SM8", "delivered"))
    assert await doubts(installation, waker).settle() == {"handed": 1}
    assert (await installation.delivery(left.key)).reason == ""


async def test_an_unknown_text_that_was_never_taken_becomes_a_failure_once(installation: Installation, left: Handover) -> None:
    installation.channel.finds = CannotTell("the list may lag")
    await doubts(installation, Woken()).settle()
    installation.channel = type(installation.channel)()
    assert await doubts(installation, Woken()).settle() == {"failed": 1}
    assert f"{left.key}/failed" in await _events(installation)
    assert await doubts(installation, Woken()).settle() == {}
    await installation.step((await installation.row()).last_step + 1)
    assert installation.channel.sent == []


async def test_a_text_that_is_being_handed_over_now_is_left_alone(installation: Installation, left: Handover) -> None:
    installation.now -= timedelta(minutes=55)
    assert await doubts(installation, Woken()).settle() == {}


async def test_a_provider_that_does_not_answer_is_asked_again_in_the_next_round(installation: Installation, left: Handover) -> None:
    @dataclass
    class Busy:
        name: str = "one"

        async def find(self, sms: object) -> None:
            raise TryLater("throttled")

    installation.channel = Busy()  # type: ignore[assignment]
    assert await doubts(installation, Woken()).settle() == {"not_answered": 1}
    assert (await installation.delivery(left.key)).status == "attempting"


async def test_who_waits_for_a_delivery_and_has_no_workflow_gets_one_that_hands_it_over(installation: Installation) -> None:
    await installation.until("message")
    planned_by = (await installation.row()).last_step
    waker = Woken()
    assert await doubts(installation, waker).start_missing() == 0, "it was planned just now"
    installation.now += timedelta(hours=1)
    assert await doubts(installation, waker).start_missing() == 1
    assert waker.started == {installation.patient: planned_by}


async def _many(installation: Installation, count: int) -> list[str]:
    async with installation.database.begin() as session:
        for number in range(count):
            new = NewPatient(Profile(given=f"Person {number}"), "team-1", "en", "Asia/Shanghai")
            await Patients(session, installation.vault).add(new, at=installation.now)
    async with installation.database.reading() as session:
        return list(await session.scalars(select(Patient.id).order_by(Patient.id)))


async def test_a_recovery_that_was_stopped_goes_on_where_it_was_and_starts_nobody_twice(installation: Installation) -> None:
    patients = await _many(installation, 6)
    waker, told = Woken(away_after=4), list[Progress]()
    recovery = Recovery(installation.database, waker, page=2)  # type: ignore[arg-type]
    with pytest.raises(RecoveryStopped, match=f"cairn recover --after {patients[3]}"):
        await recovery.start_all(tell=told.append)
    assert [progress.looked_at for progress in told] == [2, 4]
    waker.away_after = 1000
    assert await recovery.start_all(after=patients[3]) == Progress(3, 3, patients[-1])
    assert await recovery.start_all() == Progress(7, 0, patients[-1])
    assert waker.started.keys() == set(patients)


async def test_a_row_that_cannot_be_right_is_found_and_a_healthy_one_is_not(installation: Installation) -> None:
    await installation.step(1)
    integrity = Integrity(installation.database, installation.clock, None)
    healthy = await integrity.look()
    assert (healthy.looked_at, healthy.broken, healthy.faults) == (1, [], 0)
    async with installation.database.begin() as session:
        patient = await session.get_one(Patient, installation.patient)
        patient.last_event, patient.taken_event, patient.last_step, patient.fault = 40, 41, 9, "KeyError"
        patient.next_due = installation.now - timedelta(hours=3)
    broken = await integrity.look(begin_at="")
    assert {one.what for one in broken.broken} == {"more_taken_than_stored", "events_missing", "steps_missing", "long_overdue"}
    assert broken.faults == 1
    assert {one.patient for one in broken.broken} == {installation.patient}
