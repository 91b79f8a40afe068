"""Writing to a patient's log, from wherever something is learnt: the API, a channel, an activity.

Rule: one door. The patient's row is held, records change and the event that tells of it is stored once, in one transaction;
only then may anybody be woken.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine import calendar
from pathways.engine.events import AnyEvent
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.patients import Patients
from records.scope import NETWORK, Scope
from records.tables import Patient
from records.vault import PersonVault, Vault


class NoSuchPatient(LookupError):
    """There is no such patient, or the person was forgotten."""


@dataclass(frozen=True)
class Case:
    """One patient's records, held in a transaction that is about to change them. ``by``: the key or account that does."""

    session: AsyncSession
    patients: Patients
    patient: Patient
    person: PersonVault
    now: datetime
    by: str | None = None

    @property
    def log(self) -> EventLog:
        """What happened to the patient; what is added is told by whoever changes the records."""
        return EventLog(self.session, self.patient, self.person, self.by)

    @property
    def today(self) -> date:
        """The patient's local day."""
        return calendar.local_day(self.now, self.patient.timezone)


Change = Callable[[Case], Awaitable[AnyEvent | None]]


@dataclass(frozen=True, slots=True)
class Stored:
    """``new`` is False when nothing was told, or the same before. ``next_step``: where the workflow starts if it has to."""

    new: bool
    next_step: int


@dataclass(frozen=True)
class Events:
    """The door through which everything that happens to a patient goes."""

    database: Database
    vault: Vault
    clock: Clock

    async def change(self, patient_id: str, change: Change, *, by: str | None = None) -> Stored:
        """Change records and store the event that tells of it, together; ``change`` may find that there is nothing to tell.

        ``by``: the key or account that tells it. What ``change`` raises undoes all of it. Raises NoSuchPatient.
        """
        async with self.database.begin() as session:
            patients = Patients(session, self.vault)
            held = await patients.held(patient_id)
            if held is None:
                raise NoSuchPatient(patient_id)
            case = Case(session, patients, held.patient, held.person, await self.clock.now(session), by)
            event = await change(case)
            new = event is not None and await case.log.append(event)
            return Stored(new, held.patient.last_step + 1)

    async def store(self, patient_id: str, make: Callable[[datetime], AnyEvent], *, scope: Scope = NETWORK) -> Stored:
        """Store the event that ``make`` makes of the present moment. Raises NoSuchPatient, for a foreign patient too."""

        async def change(case: Case) -> AnyEvent:
            if not scope.covers_team(case.patient.care_team_id):
                raise NoSuchPatient(patient_id)
            return make(case.now)

        return await self.change(patient_id, change)
