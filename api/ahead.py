"""A patient as they stand this moment, in memory only: what a preview and a plan are looked at from.

Rule 1: nothing is stored, sent or booked; Temporal is not asked, so that it answers while Temporal is away.
Rule 2: events that no step has taken yet are folded first, by the engine of the live patient: what was told a moment ago counts.
Rule 3: visits get days by the rule of the live patient, with the holidays, the closures and the room of their care team.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from activities.following import as_left
from activities.plans import Plans, UnknownVersion
from api.models.story import PlanOut
from api.problems import Problem, not_found
from api.showing.ahead import show_plan
from pathways.engine import State, calendar
from pathways.engine.commands import Reason
from pathways.engine.events import Dispensed, Enrolled
from pathways.engine.plan import Plan
from pathways.forecast.bookings import TeamCalendar, steps
from pathways.forecast.year import year_ahead
from records.bookings import Bookings
from records.clock import Clock
from records.eventlog import EventLog
from records.looking_up import Found, look_up
from records.scope import Scope
from records.tables import Patient
from records.vault import PersonVault, Vault

A_YEAR = 365  # days
LOOKS_AHEAD = timedelta(days=400)  # a year, and the visits that are due soon after it


class Looks(Protocol):
    """What looking at a patient needs; the API's parts and a command's both have it."""

    @property
    def vault(self) -> Vault: ...
    @property
    def plans(self) -> Plans: ...
    @property
    def clock(self) -> Clock: ...


@dataclass(frozen=True)
class Standing:
    """``state`` at ``now``, with every stored event folded; ``log``: all that ever happened.

    ``calendar``: the care team's days, without this patient's own visits. ``fresh``: the reasons of what no step has taken yet, in
    order; they are not in the timeline.
    """

    patient: Patient
    plan: Plan
    state: State
    now: datetime
    log: EventLog
    calendar: TeamCalendar
    fresh: tuple[Reason, ...] = ()

    @property
    def today(self) -> date:
        """The patient's local day."""
        return calendar.local_day(self.now, self.state.person.timezone)

    async def fill_days(self) -> dict[str, int]:
        """By medicine: the days of the last fill."""
        found: dict[str, int] = {}
        if not self.state.supplies:
            return found
        for event in await self.log.of_kinds("enrolled", "dispensed"):
            fills = event.fills if isinstance(event, Enrolled) else (event.fill,) if isinstance(event, Dispensed) else ()
            found |= {fill.medicine: fill.days for fill in fills if fill.days > 0}
        return found

    async def year(self, language: str) -> PlanOut:
        """The twelve months ahead, if all goes to plan, in the words of ``language``."""
        fill_days = await self.fill_days()
        planned = await asyncio.to_thread(  # a year takes the engine long enough for others to notice
            year_ahead,
            self.plan,
            self.state,
            now=self.now,
            days=A_YEAR,
            fill_days=fill_days,
            working_day=self.calendar.worked.last,
            find_day=self.calendar.find,
        )
        until = self.today + timedelta(days=A_YEAR)
        return show_plan(planned, self.plan, since=self.today, until=until, language=language)


async def standing(session: AsyncSession, parts: Looks, scope: Scope, patient_id: str) -> Standing:
    """How the patient stands. Raises Problem 404, and 409 where their pathway no longer compiles."""
    found = await look_up(session, parts.vault, scope, patient_id, rules=True)
    if found is None or found.person is None:
        raise not_found()
    return await standing_of(session, parts, found, found.person)


async def standing_of(
    session: AsyncSession, parts: Looks, found: Found, person: PersonVault, *, left: State | None = None
) -> Standing:
    """How somebody stands who was looked up; ``left``: their state, where it was opened, too. Raises as ``standing`` does."""
    patient = found.patient
    log = EventLog(session, patient, person)
    try:
        untaken = [event for _, event in await log.untaken()]
        state, plan = await as_left(session, parts.plans, log, untaken, known=found.followed, left=left)
    except UnknownVersion:
        raise Problem(
            409, "A pathway of this patient cannot be used by this Cairn; whoever runs it finds more with: cairn doctor"
        ) from None
    except LookupError:
        raise not_found() from None
    now = await parts.clock.now(session)
    today = calendar.local_day(now, patient.timezone)
    days = await Bookings(session).calendar(found.team, today, today + LOOKS_AHEAD, besides=patient.id)
    fresh: list[Reason] = []
    for event in untaken:
        for taken in steps(plan, state, event, find_day=days.find):
            state = taken.outcome.state
            fresh += taken.outcome.reasons
    return Standing(patient, plan, state, now, log, days, tuple(fresh))
