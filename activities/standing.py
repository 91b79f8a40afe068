"""Where a patient stands with their follow-ups, written beside the sealed state so that nobody is opened to be counted.

Rule 1: it says no more than a day of the calendar does: no reading, no name, no reason.
Rule 2: it is written with each step; whoever has not had one since this was kept is written by housekeeping, a few at a time.
Rule 3: one record that does not open keeps nobody else from being counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from activities.following import as_left
from activities.plans import Plans
from pathways.engine import State
from pathways.engine.plan import Plan
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.patients import Patients
from records.tables import Patient
from records.tables.people import NEVER
from records.vault import Vault

WRITTEN_BY = 1
"""The number of this rule."""

UNREADABLE = -1
"""Written for somebody whose state does not open here: their next step writes it, and nobody else is kept waiting for it."""

AT_ONCE = 200


def follow_ups(plan: Plan, state: State) -> tuple[date | None, date | None]:
    """The day by which the next follow-up is due, and the day of the last one; of several pathways the first and the latest."""
    due: list[date] = []
    last: list[date] = []
    for name, course in state.courses.items():
        pathway = plan.pathways.get(name)
        for service, occurrence in course.services.items():
            if pathway is None or service not in pathway.services or pathway.services[service].kind != "follow_up":
                continue
            due.append(occurrence.due)
            if occurrence.last is not None:
                last.append(occurrence.last)
    return min(due, default=None), max(last, default=None)


def stand(patient: Patient, plan: Plan, state: State) -> None:
    """Write it."""
    patient.follow_up_due, patient.last_visit = follow_ups(plan.as_of(state), state)
    patient.standing = WRITTEN_BY
    patient.looked_ahead = NEVER


@dataclass(frozen=True)
class Standing:
    """Writes it for those whose last step was before it was kept."""

    database: Database
    vault: Vault
    plans: Plans
    clock: Clock

    async def catch_up(self, most: int = AT_ONCE) -> int:
        """Write some; answers how many. A person who was forgotten is done with, too."""
        async with self.database.begin() as session:
            now = await self.clock.now(session)
            query = select(Patient.id).where(Patient.standing == 0, Patient.last_step > 0).order_by(Patient.id).limit(most)
            waiting = list(await session.scalars(query))
            patients = Patients(session, self.vault)
            for patient_id in waiting:
                held = await patients.held(patient_id)
                if held is None:
                    (await session.get_one(Patient, patient_id)).standing = WRITTEN_BY
                    continue
                try:
                    log = EventLog(session, held.patient, held.person)
                    state, plan = await as_left(session, self.plans, log, [], on=now.date())
                except SQLAlchemyError:
                    raise
                except Exception:  # a version that is gone, a state of another time: whatever it is, the doctor names it
                    held.patient.standing = UNREADABLE
                    continue
                stand(held.patient, plan, state)
        return len(waiting)
