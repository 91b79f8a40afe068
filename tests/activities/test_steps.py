"""Steps: one transaction under one number, the same answer however often it is asked; on both databases."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from installation import START, Installation
from sqlalchemy import update

from activities.housekeeping import Housekeeping
from activities.plans import UnknownVersion
from activities.steps import Engine
from activities.waking import Waker
from pathways.engine import Outcome, State, step
from pathways.engine.events import AnyEvent, Died, DueReached, VisitCompleted
from pathways.engine.plan import Plan
from pathways.engine.turn import Ahead
from pathways.serial import dump_state, load_state
from records.closures import Closures
from records.database import Database
from records.eventlog import EventLog
from records.patients import STATE, Patients
from records.tables import Enrolment, Patient


@pytest.fixture
async def installation(database: Database) -> Installation:
    there = Installation(database)
    await there.begin()
    return there


async def test_a_step_asked_for_again_says_the_same_and_changes_nothing(installation: Installation) -> None:
    first = await installation.step(1)
    counts = await installation.counts()
    state = await installation.state()
    assert first.next_step == 2
    assert counts["step"] == 1
    for _ in range(3):
        assert await installation.step(1) == first
    assert await installation.counts() == counts
    assert await installation.state() == state


async def test_a_step_asked_for_by_two_workers_at_once_is_taken_once(installation: Installation) -> None:
    await installation.until("message")
    row = await installation.row()
    await installation.tell(lambda now: VisitCompleted(id="visit/1", at=now, learnt=now))
    answers = await asyncio.gather(*(installation.step(row.last_step + 1) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert (await installation.row()).last_step == row.last_step + 1
    assert [reason.code for reason in await installation.timeline()].count("readings_missing") == 1


async def test_what_is_told_while_an_answer_was_lost_is_taken_when_it_is_said_again(installation: Installation) -> None:
    first = await installation.step(1)  # committed; the worker dies before Temporal hears of it
    await installation.tell(lambda now: VisitCompleted(id="visit/1", at=now, learnt=now))  # the wake-up goes to the next worker
    again = await installation.step(1)
    assert again.next_step == first.next_step + 1
    assert [reason.code for reason in await installation.timeline()].count("readings_missing") == 1


async def test_who_joins_while_no_worker_is_there_is_never_told_another_day_than_the_one_that_is_booked(database: Database) -> None:
    installation = Installation(database, now=START - timedelta(minutes=15))
    await installation.begin()  # due on 6 March, of which they are reminded from nine o'clock today
    async with database.begin() as session:
        await Closures(session).add("centre-1", date(2025, 3, 6), date(2025, 3, 6), "training")
    installation.now = START + timedelta(hours=2)
    for handover in (await installation.step(1)).handovers:
        if handover.kind == "message":
            await installation.deliver(handover)
    (booked,) = [reason.detail["day"] for reason in await installation.timeline() if reason.code == "visit_booked"]
    assert booked == "2025-03-05"
    assert not [sms.text for sms in installation.channel.sent if "March 5" not in sms.text]


async def test_a_step_with_nothing_to_take_leaves_no_trace(installation: Installation) -> None:
    taken = await installation.step(1)
    counts = await installation.counts()
    again = await installation.step(taken.next_step)
    assert (again.next_step, again.handovers) == (taken.next_step, [])
    assert await installation.counts() == counts


async def test_the_delay_to_the_next_step_is_the_time_to_the_next_due_moment(installation: Installation) -> None:
    taken = await installation.step(1)
    row = await installation.row()
    assert row.next_due is not None
    assert taken.due_in == pytest.approx((row.next_due - START).total_seconds(), abs=1)


async def test_a_moment_that_has_come_is_taken_without_any_event(installation: Installation) -> None:
    taken = await installation.step(1)
    row = await installation.row()
    assert row.next_due is not None
    installation.now = row.next_due
    assert (await installation.step(taken.next_step)).next_step == taken.next_step + 1


async def test_a_step_that_cannot_be_committed_is_not_taken_at_all(installation: Installation) -> None:
    def breaks(plan: Plan, state: State, event: AnyEvent, ahead: Ahead) -> Outcome:
        if isinstance(event, DueReached):
            raise ZeroDivisionError("Anna Li")
        return step(plan, state, event, ahead)

    with pytest.raises(ZeroDivisionError):
        await installation.step(1, Engine("broken", step=breaks))
    assert set((await installation.counts()).values()) == {0}
    assert (await installation.row()).fault == "ZeroDivisionError"  # for an operator to see, and nothing personal
    assert (await installation.step(1)).next_step == 2
    assert (await installation.row()).fault is None


async def test_a_version_that_is_not_there_is_said_and_nothing_is_lost(installation: Installation) -> None:
    async with installation.database.begin() as session:
        await session.execute(update(Enrolment).values(version="gone"))
    with pytest.raises(UnknownVersion, match="from a backup"):
        await installation.step(1)
    assert (await installation.row()).fault == "UnknownVersion"


async def test_a_step_says_which_engine_took_it_and_a_new_engine_leaves_the_past_alone(installation: Installation) -> None:
    await installation.step(1)
    before = await installation.timeline()
    await installation.tell(lambda now: VisitCompleted(id="visit/1", at=now, learnt=now))
    await installation.step(2, Engine("7"))
    assert (await installation.timeline())[: len(before)] == before


async def test_a_snapshot_of_another_shape_is_folded_anew_and_nothing_is_done_or_told_twice(installation: Installation) -> None:
    """Reminders, tasks and a booking lie behind the patient; then the engine's state changes its shape."""
    for _ in range(5):
        await installation.until("message", days=60)
        installation.now += timedelta(hours=12)
    row = await installation.row()
    counts, told, state = await installation.counts(), await installation.timeline(), await installation.state()
    assert counts["task"] > 0
    async with installation.database.begin() as session:
        patient = await session.get_one(Patient, installation.patient)
        person = await Patients(session, installation.vault).vault_of(patient.id)
        patient.state = person.seal(STATE, {**state, "schema": 0})
    await installation.tell(lambda now: VisitCompleted(id="visit/1", at=now, learnt=now))
    await installation.step(row.last_step + 1)
    after = await installation.timeline()
    assert after[: len(told)] == told
    assert "enrolled" not in {reason.code for reason in after[len(told) :]}
    assert (await installation.counts())["delivery"] == counts["delivery"]
    assert await _folded(installation) == await _without_refolding(installation, json.dumps(state).encode(), row)


async def _folded(installation: Installation) -> bytes:
    async with installation.database.reading() as session:
        patient = await session.get_one(Patient, installation.patient)
        person = await Patients(session, installation.vault).vault_of(patient.id)
        return person.open_bytes(STATE, patient.state or b"")


async def _without_refolding(installation: Installation, snapshot: bytes, row: Patient) -> bytes:
    """What the state would be, had the last step been taken on the snapshot as it was."""
    async with installation.database.reading() as session:
        plan, _ = await installation.plans.of(session, installation.patient)
        patients = Patients(session, installation.vault)
        log = EventLog(session, await session.get_one(Patient, installation.patient), await patients.vault_of(installation.patient))
        visit, *booked = (await log.all())[row.last_event :]
    due = DueReached(id=f"due/{row.last_step + 1}", at=installation.now, learnt=installation.now)
    state = load_state(snapshot)
    for event in (visit, due, *booked):
        state = step(plan, state, event).state
    return dump_state(state)


async def test_nobody_steps_for_somebody_unknown_or_forgotten(installation: Installation) -> None:
    assert (await replace_patient(installation, "nobody").step(1)).summary == "forgotten"
    async with installation.database.begin() as session:
        await Patients(session, installation.vault).forget(installation.patient)
    assert (await installation.step(1)).summary == "forgotten"


def replace_patient(installation: Installation, patient: str) -> Installation:
    other = replace(installation)
    other.patient = patient
    return other


async def test_what_was_planned_before_temporals_memory_was_lost_is_said_again(installation: Installation) -> None:
    planned = [await installation.until("message")]
    first = (await installation.row()).last_step
    installation.now += timedelta(days=1)
    planned.append(await installation.until("message"))
    again = await installation.step(first)
    assert [handover for handover in again.handovers if handover.kind == "message"] == planned
    assert again.next_step == (await installation.row()).last_step + 1


async def test_the_dead_have_nothing_due(installation: Installation) -> None:
    await installation.step(1)
    await installation.tell(lambda now: Died(id="died", at=now, learnt=now))
    taken = await installation.step(2)
    assert (taken.due_in, taken.handovers, taken.summary) == (None, [], "yellow")
    assert (await installation.row()).next_due is None


class Started(Waker):
    """Notes who would be started, and at which step."""

    def __init__(self) -> None:
        object.__setattr__(self, "at", {})

    at: dict[str, int]

    async def start(self, patient: str, *, next_step: int = 1) -> bool:
        self.at[patient] = next_step
        return True


async def test_when_temporals_memory_is_lost_everybody_starts_where_something_was_still_to_be_handed_over(
    installation: Installation,
) -> None:
    waker = Started()
    housekeeping = Housekeeping(installation.database, installation.clock, waker)
    message = await installation.until("message")
    planned_by = (await installation.row()).last_step
    installation.now += timedelta(hours=1)
    await installation.tell(lambda now: VisitCompleted(id="visit/1", at=now, learnt=now))
    await installation.step(planned_by + 1)
    assert await housekeeping.start_all() == 1
    assert waker.at == {installation.patient: planned_by}
    await installation.deliver(message)
    await housekeeping.start_all()
    assert waker.at == {installation.patient: planned_by + 2}
