"""What patients will bring their care teams in the weeks ahead, worked out beforehand so that no page waits for it.

Rule 1: it is the engine's own look ahead, if all goes to plan (``pathways.forecast.year``): whoever is overdue comes at once,
        nobody gets worse, and what is open already is not counted again.
Rule 2: kept is a day and a kind for each patient, nothing else; each step makes it old, and so do two weeks.
Rule 3: nobody is held while it is worked out; whoever takes a step meanwhile is looked at again.
Rule 4: one record that does not open keeps nobody else from being looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import CursorResult, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from activities.following import as_left
from activities.plans import Plans
from pathways.engine import State
from pathways.engine.plan import Plan
from pathways.forecast.bookings import TeamCalendar
from pathways.forecast.year import year_ahead
from records.bookings import Bookings
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.forecasts import FOLLOWED
from records.patients import Patients
from records.tables import CareTeam, Patient, WorkAhead
from records.vault import Vault

KINDS = frozenset({"visit", "screening", "call", "task"})
SHOWN = timedelta(weeks=12)
OLD_AFTER = timedelta(days=14)
LOOKS = SHOWN + OLD_AFTER + timedelta(days=1)
"""So far that what is two weeks old still reaches over what is shown."""

BRINGS_NOTHING = date(9999, 12, 31)
"""Written for whoever is not followed any more: their next step, if there is one, makes it old."""

AT_ONCE = 200
TOGETHER = 25
"""People written in one transaction."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A patient as they were looked at: after which step, until when that holds, and the work by day and kind."""

    patient: str
    team: str
    step: int
    on: date
    work: frozenset[tuple[date, str]] = frozenset()


def work_of(plan: Plan, state: State, now: datetime, calendar: TeamCalendar) -> frozenset[tuple[date, str]]:
    """What one patient brings, by day and kind."""
    ahead = year_ahead(plan, state, now=now, days=LOOKS.days, working_day=calendar.worked.last, find_day=calendar.find)
    return frozenset((one.day, one.kind) for one in ahead if one.kind in KINDS)


@dataclass(frozen=True)
class LookingAhead:
    """Works it out for those of whom it is old or missing."""

    database: Database
    vault: Vault
    plans: Plans
    clock: Clock

    async def catch_up(self, most: int = AT_ONCE) -> int:
        """Look at some, those longest ago first; answers at how many."""
        looked = await self._look(most)
        for begins in range(0, len(looked), TOGETHER):
            async with self.database.begin() as session:
                await _keep(session, looked[begins : begins + TOGETHER])
        return len(looked)

    async def _look(self, most: int) -> list[Looked]:
        found: list[Looked] = []
        async with self.database.reading() as session:
            now = await self.clock.now(session)
            today = now.date()
            old = select(Patient).where(Patient.looked_ahead < today - OLD_AFTER, Patient.last_step > 0)
            calendars: dict[str, TeamCalendar] = {}
            for patient in list(await session.scalars(old.order_by(Patient.looked_ahead, Patient.id).limit(most))):
                team = patient.care_team_id
                if team not in calendars:
                    row = await session.get_one(CareTeam, team)
                    calendars[team] = await Bookings(session).calendar(row, today, today + LOOKS)
                found.append(await self._one(session, patient, now, calendars[team]))
        return found

    async def _one(self, session: AsyncSession, patient: Patient, now: datetime, calendar: TeamCalendar) -> Looked:
        team, step = patient.care_team_id, patient.last_step
        if patient.life not in FOLLOWED:
            return Looked(patient.id, team, step, BRINGS_NOTHING)
        try:
            log = EventLog(session, patient, await Patients(session, self.vault).vault_of(patient.id))
            state, plan = await as_left(session, self.plans, log, [], on=now.date())
            work = await asyncio.to_thread(work_of, plan, state, now, calendar)
        except SQLAlchemyError:
            raise
        except Exception:  # forgotten, a version that is gone, a state of another time: whatever it is, the doctor names it
            work = frozenset()
        return Looked(patient.id, team, step, now.date(), work)


async def _keep(session: AsyncSession, looked: Iterable[Looked]) -> None:
    for one in looked:
        as_seen = update(Patient).where(Patient.id == one.patient, Patient.last_step == one.step).values(looked_ahead=one.on)
        done = await session.execute(as_seen)
        if isinstance(done, CursorResult) and done.rowcount == 0:
            continue
        await session.execute(delete(WorkAhead).where(WorkAhead.patient_id == one.patient))
        if one.work:
            rows = [{"patient_id": one.patient, "day": day, "kind": kind, "care_team_id": one.team} for day, kind in one.work]
            await session.execute(insert(WorkAhead), rows)
