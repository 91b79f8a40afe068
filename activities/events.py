"""Writing an event to a patient's log, from wherever it is learnt: the API, a channel, an activity.

One transaction: the patient's row is held, the event is stored once, and only then may anybody be woken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pathways.engine.events import AnyEvent
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.patients import Patients
from records.scope import NETWORK, Scope
from records.vault import Vault


class NoSuchPatient(LookupError):
    """There is no such patient, or the person was forgotten."""


@dataclass(frozen=True, slots=True)
class Stored:
    """``new`` is False when the same event was there already. ``next_step``: where the workflow starts if it has to."""

    new: bool
    next_step: int


@dataclass(frozen=True)
class Events:
    """The door through which everything that happens to a patient goes."""

    database: Database
    vault: Vault
    clock: Clock

    async def store(self, patient_id: str, make: Callable[[datetime], AnyEvent], *, scope: Scope = NETWORK) -> Stored:
        """Store the event that ``make`` makes of the present moment. Raises NoSuchPatient, for a foreign patient too."""
        async with self.database.begin() as session:
            held = await Patients(session, self.vault).held(patient_id)
            if held is None or not scope.covers_team(held.patient.care_team_id):
                raise NoSuchPatient(patient_id)
            event = make(await self.clock.now(session))
            new = await EventLog(session, held.patient, held.person).append(event)
            return Stored(new, held.patient.last_step + 1)
