"""A patient as they stand this moment, in memory only: what a preview and a plan are looked at from.

Rule 1: nothing is stored, sent or booked; Temporal is not asked, so that it answers while Temporal is away.
Rule 2: events that no step has taken yet are folded first, by the engine of the live patient: what was told a moment ago counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from activities.plans import UnknownVersion
from api.parts import ApiParts
from api.problems import Problem, not_found
from pathways.engine import State, calendar
from pathways.engine.events import AnyEvent, Dispensed, DueReached, Enrolled
from pathways.engine.plan import Plan
from pathways.forecast.bookings import steps
from pathways.serial import OldSchema, load_state
from records.eventlog import EventLog
from records.patients import STATE, Patients
from records.scope import Scope
from records.tables import Patient, StepRow
from records.vault import PersonVault


@dataclass(frozen=True)
class Standing:
    """``state`` at ``now``, with every stored event folded; ``log``: all that ever happened."""

    patient: Patient
    plan: Plan
    state: State
    now: datetime
    log: EventLog

    @property
    def today(self) -> date:
        """The patient's local day."""
        return calendar.local_day(self.now, self.state.person.timezone)

    async def fill_days(self) -> dict[str, int]:
        """By medicine: the days of the last fill."""
        found: dict[str, int] = {}
        for event in await self.log.all():
            fills = event.fills if isinstance(event, Enrolled) else (event.fill,) if isinstance(event, Dispensed) else ()
            found |= {fill.medicine: fill.days for fill in fills if fill.days > 0}
        return found


async def standing(session: AsyncSession, parts: ApiParts, scope: Scope, patient_id: str) -> Standing:
    """How the patient stands. Raises Problem 404, and 409 where their pathway no longer compiles."""
    patients = Patients(session, parts.vault)
    patient = await patients.in_scope(scope, patient_id)
    if patient is None:
        raise not_found()
    try:
        person = await patients.vault_of(patient_id)
        plan, _ = await parts.plans.of(session, patient_id)
    except UnknownVersion:
        raise Problem(
            409, "A pathway of this patient cannot be used by this Cairn; whoever runs it finds more with: cairn doctor"
        ) from None
    except LookupError:
        raise not_found() from None
    log = EventLog(session, patient, person)
    state = await _last_step(session, patient, person, plan, log)
    state = _folded(plan, state, [event for _, event in await log.untaken()])
    return Standing(patient, plan, state, await parts.clock.now(session), log)


async def _last_step(session: AsyncSession, patient: Patient, person: PersonVault, plan: Plan, log: EventLog) -> State:
    if patient.state is None:
        return State(patient=patient.id)
    try:
        return load_state(person.open_bytes(STATE, patient.state))
    except OldSchema:  # kept by an older engine: folded anew, as the next step will
        state = _folded(plan, State(patient=patient.id), (await log.all())[: patient.taken_event], answered=True)
        last = await session.get_one(StepRow, (patient.id, patient.last_step))
        return _folded(plan, state, [DueReached(id=f"due/{last.step}", at=last.at, learnt=last.at)], answered=True)


def _folded(plan: Plan, state: State, events: Iterable[AnyEvent], *, answered: bool = False) -> State:
    """``answered``: the days of visits are among the events; else they are found by the forecast's rule."""
    for event in events:
        taken = steps(plan, state, event)
        state = next(taken).outcome.state if answered else tuple(taken)[-1].outcome.state
    return state
