"""Steps that learn of the past: late entries, corrections and double reports; on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from installation import START, Installation
from sqlalchemy import select

from pathways.engine.commands import Reason
from pathways.engine.events import Corrected, Dispensed, Fill, Value, VisitCompleted
from pathways.engine.state import State
from pathways.serial import dump_state, load_state
from records.database import Database
from records.patients import STATE, Patients
from records.tables import Delivery, Patient, TaskRow, VisitBooking

CALM: Mapping[str, Value] = {
    "sbp": 128.0,
    "dbp": 78.0,
    "symptoms": (),
    "pregnant_or_lactating": False,
    "other_disease_cannot_handle": False,
    "adr": False,
    "adr_hard_to_control": False,
    "new_complication": False,
    "worse_complication": False,
}
HIGH = {**CALM, "sbp": 152.0}
CRITICAL = {**CALM, "sbp": 190.0}


@pytest.fixture
async def installation(database: Database) -> Installation:
    there = Installation(database)
    await there.begin()
    await there.step(1)
    return there


async def _settle(installation: Installation) -> list[Reason]:
    """Take the steps there are; answers what they put down."""
    before = len(await installation.timeline())
    while True:
        row = await installation.row()
        if (await installation.step(row.last_step + 1)).next_step == row.last_step + 1:
            return (await installation.timeline())[before:]


async def _at(installation: Installation, day: int) -> None:
    """Let time pass to nine o'clock of a day, step by step as timers come."""
    until = START + timedelta(days=day)
    while (due := (await installation.row()).next_due) is not None and due <= until:
        installation.now = max(installation.now, due)
        await _settle(installation)
    installation.now = until


def _on(day: int) -> datetime:
    return START + timedelta(days=day)


async def _visit(
    installation: Installation, name: str, readings: Mapping[str, Value], day: int | None = None, **more: Any
) -> list[Reason]:
    await installation.tell(
        lambda now: VisitCompleted(id=name, at=_on(day) if day is not None else now, learnt=now, readings=dict(readings), **more)
    )
    return await _settle(installation)


async def _state(installation: Installation) -> State:
    async with installation.database.reading() as session:
        patient = await session.get_one(Patient, installation.patient)
        person = await Patients(session, installation.vault).vault_of(patient.id)
        return load_state(person.open_bytes(STATE, patient.state or b""))


async def _open_tasks(installation: Installation) -> dict[str, str]:
    async with installation.database.reading() as session:
        rows = await session.scalars(select(TaskRow).where(TaskRow.status == "open"))
        return {row.key: row.kind for row in rows}


async def _stands_whole(installation: Installation) -> None:
    """What the records hold is what the state says: the same open tasks, the same booked days."""
    state = await _state(installation)
    assert await _open_tasks(installation) == {key: task.kind for key, task in state.tasks.items()}
    async with installation.database.reading() as session:
        booked = {row.key: row.day for row in await session.scalars(select(VisitBooking))}
    kept = {one.booking: one.booked for course in state.courses.values() for one in course.services.values() if one.booking}
    assert booked == kept


async def test_not_controlled_twice_running_is_seen_although_the_first_visit_was_entered_late(
    installation: Installation,
) -> None:
    await _at(installation, 20)
    await _visit(installation, "second", HIGH)
    assert (await _state(installation)).courses["hypertension"].row == "HTN-A1"
    await _at(installation, 22)
    said = await _visit(installation, "first", HIGH, day=6)
    course = (await _state(installation)).courses["hypertension"]
    assert (course.row, course.tag, course.decided_on) == ("HTN-R3", "red", date(2025, 3, 23))
    assert [reason.row for reason in said if reason.code == "decided"] == ["HTN-A1", "HTN-R3"]
    assert {reason.detail.get("event") for reason in said if reason.code == "known_late"} == {"first"}
    assert (await installation.row()).tag == "red"
    await _stands_whole(installation)


async def test_a_visit_reported_by_two_systems_is_one_visit(installation: Installation) -> None:
    await _at(installation, 10)
    await _visit(installation, "clinic/1", CRITICAL)
    before, counts = dump_state(await _state(installation)), await installation.counts()
    installation.now += timedelta(hours=1)
    assert [reason.code for reason in await _visit(installation, "registry/77", CRITICAL, day=10)] == ["reported_twice"]
    await _at(installation, 11)
    counts_next_day = await installation.counts()
    said = await _visit(installation, "insurer/3", CRITICAL, day=10)
    assert [reason.code for reason in said] == ["reported_twice"]
    after = await installation.counts()
    assert (after["task"], after["delivery"]) == (counts_next_day["task"], counts_next_day["delivery"])
    assert counts["delivery"] <= after["delivery"]
    course = (await _state(installation)).courses["hypertension"]
    assert course.services["follow_up"].due == load_state(before).courses["hypertension"].services["follow_up"].due
    await _stands_whole(installation)


async def test_a_correction_turns_an_emergency_into_routine_before_the_referral_went_out(installation: Installation) -> None:
    await _at(installation, 10)
    await _visit(installation, "visit", CRITICAL)
    assert "confirm_referral" in (await _open_tasks(installation)).values()
    installation.now += timedelta(minutes=20)
    await installation.tell(lambda now: Corrected(id="c", at=now, learnt=now, corrects="visit", readings={"sbp": 129.0}))
    said = {reason.code for reason in await _settle(installation)}
    assert {"corrected", "tag_changed", "due_moved", "referral_withdrawn"} <= said
    state = await _state(installation)
    assert (state.referrals, state.courses["hypertension"].tag) == ({}, "green")
    assert await _open_tasks(installation) == {}
    await _stands_whole(installation)


async def test_a_fill_that_was_wrong_is_taken_back_and_the_refill_asked_for(installation: Installation) -> None:
    await _at(installation, 2)
    await installation.tell(lambda now: Dispensed(id="fill", at=now, learnt=now, fill=Fill("amlodipine", date(2025, 3, 5), 90)))
    await _settle(installation)
    await _at(installation, 7)
    assert (await _state(installation)).supplies["amlodipine"].stage == ""
    await installation.tell(lambda now: Corrected(id="c", at=now, learnt=now, corrects="fill", void=True))
    await _settle(installation)
    supply = (await _state(installation)).supplies["amlodipine"]
    assert (supply.ends, supply.stage) == (date(2025, 3, 11), "requested")
    async with installation.database.reading() as session:
        assert await session.get(Delivery, (installation.patient, f"{supply.refill}/1")) is not None
    await _stands_whole(installation)


async def test_news_of_the_past_told_together_are_followed_together(installation: Installation) -> None:
    await _at(installation, 30)
    for name, day in (("b", 16), ("a", 4)):
        await installation.tell(
            lambda now, name=name, day=day: VisitCompleted(id=name, at=_on(day), learnt=now, readings=dict(HIGH))  # type: ignore[misc]
        )
    said = await _settle(installation)
    assert [reason.detail["event"] for reason in said if reason.code == "known_late"] == ["b", "a"]
    course = (await _state(installation)).courses["hypertension"]
    assert (course.row, course.decided_on) == ("HTN-R3", date(2025, 3, 19))
    await _stands_whole(installation)


async def test_a_new_engine_folds_a_log_with_late_entries_to_the_same_care_and_the_same_keys(
    installation: Installation,
) -> None:
    await _at(installation, 20)
    await _visit(installation, "second", HIGH)
    await _at(installation, 22)
    await _visit(installation, "first", HIGH, day=6)
    await _at(installation, 40)
    kept = await _state(installation)
    async with installation.database.begin() as session:
        patient = await session.get_one(Patient, installation.patient)
        person = await Patients(session, installation.vault).vault_of(patient.id)
        older = dump_state(kept).replace(b'"schema":2', b'"schema":1', 1)
        patient.state = person.seal(STATE, older)
    await _visit(installation, "third", CALM)
    state = await _state(installation)
    course = state.courses["hypertension"]
    assert (course.row, course.decided_on) == ("HTN-C1", date(2025, 4, 12))
    assert all(state.numbers.get(name, 0) >= number for name, number in kept.numbers.items() if "message/" not in name)
    await _stands_whole(installation)
