"""The event log: a fact is stored once, in the order in which it was learnt, and comes back as it was."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from some import NOW, VAULT, a_network, a_patient
from sqlalchemy import select

from activities.events import Events, NoSuchPatient
from pathways.engine.events import Died, ReadingReceived, VisitCompleted
from records.clock import Clock, ClockNotDriven, TimeRunsForward
from records.database import Database
from records.eventlog import EventLog
from records.patients import Patients
from records.tables import EventRow


async def _log(database: Database) -> str:
    async with database.begin() as session:
        await a_network(session)
        patient, _ = await a_patient(session)
        return patient.id


async def test_a_fact_reported_twice_is_one_fact(database: Database) -> None:
    patient_id = await _log(database)
    events = Events(database, VAULT, Clock(lambda: NOW))
    visit = VisitCompleted(id="visit/1", at=NOW, learnt=NOW, readings={"sbp": 150.0, "symptoms": ("eye_pain",), "adr": False})
    first = await events.store(patient_id, lambda _: visit)
    again = await events.store(patient_id, lambda _: visit)
    assert (first.new, again.new) == (True, False)
    async with database.reading() as session:
        patients = Patients(session, VAULT)
        patient = await patients.get(patient_id)
        assert patient is not None
        assert patient.last_event == 1
        assert await EventLog(session, patient, await patients.vault_of(patient_id)).all() == [visit]


async def test_the_same_fact_told_by_ten_at_once_is_stored_once_and_ten_facts_are_all_kept(database: Database) -> None:
    patient_id = await _log(database)
    events = Events(database, VAULT, Clock(lambda: NOW))
    same = await asyncio.gather(*(events.store(patient_id, lambda now: Died(id="died", at=now, learnt=now)) for _ in range(10)))
    assert sum(stored.new for stored in same) == 1
    await asyncio.gather(
        *(events.store(patient_id, lambda now, n=n: VisitCompleted(id=f"visit/{n}", at=now, learnt=now)) for n in range(10))
    )
    async with database.reading() as session:
        assert sorted(await session.scalars(select(EventRow.seq))) == list(range(1, 12))


async def test_events_come_in_the_order_in_which_they_were_learnt(database: Database) -> None:
    patient_id = await _log(database)
    events = Events(database, VAULT, Clock(lambda: NOW))
    late = ReadingReceived(id="b", at=NOW - timedelta(days=3), learnt=NOW, readings={"sbp": 140.0}, source="home")
    await events.store(patient_id, lambda now: VisitCompleted(id="a", at=now, learnt=now))
    await events.store(patient_id, lambda _: late)
    async with database.begin() as session:
        patients = Patients(session, VAULT)
        patient = await patients.get(patient_id, lock=True)
        assert patient is not None
        log = EventLog(session, patient, await patients.vault_of(patient_id))
        assert [event.id for _, event in await log.untaken()] == ["a", "b"]
        patient.taken_event = 1
        assert [event for _, event in await log.untaken()] == [late]


async def test_nothing_is_stored_for_somebody_unknown_or_forgotten(database: Database) -> None:
    patient_id = await _log(database)
    events = Events(database, VAULT, Clock(lambda: NOW))
    with pytest.raises(NoSuchPatient):
        await events.store("nobody", lambda now: Died(id="died", at=now, learnt=now))
    async with database.begin() as session:
        await Patients(session, VAULT).forget(patient_id)
    with pytest.raises(NoSuchPatient):
        await events.store(patient_id, lambda now: Died(id="died", at=now, learnt=now))


async def test_driven_time_stands_until_it_is_moved_and_never_goes_back(database: Database) -> None:
    clock, start = Clock(lambda: NOW), datetime(2024, 1, 1, tzinfo=UTC)
    async with database.begin() as session:
        assert await clock.now(session) == NOW
        with pytest.raises(ClockNotDriven):
            await clock.move(session, start)
        await clock.drive(session, start)
    async with database.begin() as session:
        assert (await clock.is_driven(session), await clock.now(session)) == (True, start)
        await clock.drive(session, NOW)  # a second start of the demonstration goes on where it ended
        assert await clock.now(session) == start
        await clock.move(session, NOW)
        with pytest.raises(TimeRunsForward):
            await clock.move(session, start)
