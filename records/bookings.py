"""Visit days in a care team's calendar: a working day within the window, where there is most room.

Rule 1: working days are data: the holidays of the nearest calendar above the team, and the closures of every place above it.
Rule 2: which day a visit gets is the rule of ``pathways.forecast.bookings``, so that whoever looks ahead sees the day that comes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from sqlalchemy import CTE, ScalarSelect, delete, func, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.commands import BookVisit
from pathways.forecast.bookings import ROLLS_BACK, TeamCalendar, WorkingDays
from records.places import DEEPEST
from records.tables import CareTeam, Closure, Holiday, Organisation, Patient, VisitBooking


async def working_days(session: AsyncSession, organisation_id: str, first: date, last: date) -> WorkingDays:
    """The working days of a place from ``first`` to ``last``: one query, however deep the tree is."""
    above = _above(organisation_id)
    kept = _nearest(above)
    holidays = select(Holiday.day.label("first"), Holiday.day.label("last"), Holiday.working.label("working"))
    holidays = holidays.where(Holiday.calendar == kept, Holiday.day.between(first, last))
    closures = select(Closure.first, Closure.last, null()).join(above, above.c.id == Closure.organisation_id)
    closures = closures.where(Closure.last >= first, Closure.first <= last)
    rows = (await session.execute(union_all(holidays, closures))).mappings().all()
    otherwise = {row["first"]: bool(row["working"]) for row in rows if row["working"] is not None}
    return WorkingDays(otherwise, tuple((row["first"], row["last"]) for row in rows if row["working"] is None))


def kept_calendar(organisation_id: str) -> ScalarSelect[str]:
    """The name of the calendar that a place keeps, to be asked for within a query: its own, or the nearest above it."""
    return _nearest(_above(organisation_id))


def _above(organisation_id: str) -> CTE:
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
        """What the team's days from ``earliest`` to ``latest`` hold: worked or not, and the visits booked, in two queries.

        ``besides``: a patient whose own visits take no room, for whoever looks ahead for them.
        """
        first = min(earliest, latest) - ROLLS_BACK
        worked = await working_days(self.session, team.organisation_id, first, latest)
        return TeamCalendar(team.capacity, worked, Counter(await self._taken(team.id, first, latest, besides)))

    async def release(self, patient: Patient, key: str) -> None:
        """The day is free again."""
        await self.session.execute(delete(VisitBooking).where(VisitBooking.patient_id == patient.id, VisitBooking.key == key))

    async def _taken(self, team: str, first: date, last: date, besides: str) -> dict[date, int]:
        rows = await self.session.execute(
            select(VisitBooking.day, func.count())
            .where(VisitBooking.care_team_id == team, VisitBooking.day.between(first, last), VisitBooking.patient_id != besides)
            .group_by(VisitBooking.day)
        )
        return {day: count for day, count in rows}
