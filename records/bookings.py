"""Visit days in a care team's calendar: a working day within the window, where there is most room.

Rule 1: working days are data: the holidays of the nearest calendar above the team, and the closures of every place above it.
Rule 2: which day a visit gets is the rule of ``pathways.forecast.bookings``, so that whoever looks ahead sees the day that comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    BindParameter,
    CompoundSelect,
    Date,
    ScalarSelect,
    bindparam,
    case,
    delete,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.commands import BookVisit
from pathways.forecast.bookings import ROLLS_BACK, TeamCalendar, WorkingDays
from records.places import DEEPEST
from records.tables import CareTeam, Closure, Holiday, Organisation, Patient, VisitBooking

HOLIDAY, CLOSURE, VISITS = "holiday", "closure", "visits"


async def working_days(session: AsyncSession, organisation_id: str, first: date, last: date) -> WorkingDays:
    """The working days of a place from ``first`` to ``last``: one query, however deep the tree is."""
    asked = {"place": organisation_id, "from": first, "to": last}
    return _worked((await session.execute(_asked(visits=False), asked)).all())


def _worked(rows: Sequence[Any]) -> WorkingDays:
    otherwise = {first: bool(worked) for kind, first, _, worked in rows if kind == HOLIDAY}
    return WorkingDays(otherwise, tuple((first, last) for kind, first, last, _ in rows if kind == CLOSURE))


@cache
def _asked(*, visits: bool) -> CompoundSelect[Any]:
    """Holidays and closures between ``from`` and ``to``, with the visits of each day where wanted: asked at each booking, so it is
    built once. Kind, first and last day, and a number: 1 for a day that is worked, how many visits.
    """
    above = _above(bindparam("place", type_=Organisation.id.type))
    first, last = bindparam("from", type_=Date()), bindparam("to", type_=Date())
    holidays = select(literal(HOLIDAY), Holiday.day, Holiday.day, case((Holiday.working, 1), else_=0))
    holidays = holidays.where(Holiday.calendar == _nearest(above), Holiday.day.between(first, last))
    closures = select(literal(CLOSURE), Closure.first, Closure.last, literal(0))
    closures = closures.join(above, above.c.id == Closure.organisation_id).where(Closure.last >= first, Closure.first <= last)
    if not visits:
        return union_all(holidays, closures)
    taken = select(literal(VISITS), VisitBooking.day, VisitBooking.day, func.count()).group_by(VisitBooking.day)
    theirs = (VisitBooking.care_team_id == bindparam("team"), VisitBooking.patient_id != bindparam("besides"))
    return union_all(holidays, closures, taken.where(*theirs, VisitBooking.day.between(first, last)))


def kept_calendar(organisation_id: str) -> ScalarSelect[str]:
    """The name of the calendar that a place keeps, to be asked for within a query: its own, or the nearest above it."""
    return _nearest(_above(organisation_id))


def _above(organisation_id: str | BindParameter[str]) -> CTE:
    start = select(Organisation.id, Organisation.parent_id, Organisation.calendar, literal(0).label("height"))
    above = start.where(Organisation.id == organisation_id).cte("above", recursive=True)
    higher = select(Organisation.id, Organisation.parent_id, Organisation.calendar, above.c.height + 1)
    return above.union_all(higher.join(above, Organisation.id == above.c.parent_id).where(above.c.height < DEEPEST))


def _nearest(above: CTE) -> ScalarSelect[str]:
    return select(above.c.calendar).where(above.c.calendar != "").order_by(above.c.height).limit(1).scalar_subquery()


@dataclass(frozen=True)
class Bookings:
    """Bookings of one transaction."""

    session: AsyncSession

    async def book(self, patient: Patient, visit: BookVisit, *, today: date) -> date:
        """Take a day for the visit and say which; asked again, the same."""
        there = await self.session.get(VisitBooking, (patient.id, visit.key))
        if there is not None:
            return there.day
        team = await self.session.get_one(CareTeam, patient.care_team_id)
        calendar = await self.calendar(team, visit.earliest, visit.latest)
        day = calendar.find(visit, today)
        self.session.add(VisitBooking(patient_id=patient.id, key=visit.key, care_team_id=team.id, day=day))
        await self.session.flush()
        return day

    async def calendar(self, team: CareTeam, earliest: date, latest: date, *, besides: str = "") -> TeamCalendar:
        """What the team's days from ``earliest`` to ``latest`` hold: worked or not, and the visits booked, in one query.

        ``besides``: a patient whose own visits take no room, for whoever looks ahead for them.
        """
        first = min(earliest, latest) - ROLLS_BACK
        asked = {"place": team.organisation_id, "from": first, "to": latest, "team": team.id, "besides": besides}
        rows = (await self.session.execute(_asked(visits=True), asked)).all()
        taken = Counter({day: visits for kind, day, _, visits in rows if kind == VISITS})
        return TeamCalendar(team.capacity, _worked(rows), taken)

    async def release(self, patient: Patient, key: str) -> None:
        """The day is free again."""
        await self.session.execute(delete(VisitBooking).where(VisitBooking.patient_id == patient.id, VisitBooking.key == key))
