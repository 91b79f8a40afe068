"""Visit days in a care team's calendar: a working day within the window, where there is most room.

Rule 1: working days are data: the holidays of the nearest calendar above the team, and the closures of every place above it.
Rule 2: a visit is never booked later than due; what falls on days off rolls back, unless that is past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import delete, func, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from records.places import DEEPEST
from records.tables import CareTeam, Closure, Holiday, Organisation, Patient, VisitBooking

ROLLS_BACK = timedelta(days=21)  # longer than any holiday


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """Which days are worked: Monday to Friday but for what the calendar says otherwise, and never while the place is closed.

    ``otherwise``: day to whether it is worked; ``closed``: first and last day of each closure, both inclusive.
    """

    otherwise: Mapping[date, bool] = field(default_factory=dict)
    closed: tuple[tuple[date, date], ...] = ()

    def __call__(self, day: date) -> bool:
        if any(first <= day <= last for first, last in self.closed):
            return False
        return self.otherwise.get(day, day.weekday() < 5)

    def among(self, days: Iterable[date]) -> list[date]:
        """Those of ``days`` that are worked, in their order."""
        return [day for day in days if self(day)]


async def working_days(session: AsyncSession, organisation_id: str, first: date, last: date) -> WorkingDays:
    """The working days of a place from ``first`` to ``last``: one query, however deep the tree is."""
    start = select(Organisation.id, Organisation.parent_id, Organisation.calendar, literal(0).label("height"))
    above = start.where(Organisation.id == organisation_id).cte("above", recursive=True)
    higher = select(Organisation.id, Organisation.parent_id, Organisation.calendar, above.c.height + 1)
    above = above.union_all(higher.join(above, Organisation.id == above.c.parent_id).where(above.c.height < DEEPEST))
    kept = select(above.c.calendar).where(above.c.calendar != "").order_by(above.c.height).limit(1).scalar_subquery()
    holidays = select(Holiday.day.label("first"), Holiday.day.label("last"), Holiday.working.label("working"))
    holidays = holidays.where(Holiday.calendar == kept, Holiday.day.between(first, last))
    closures = select(Closure.first, Closure.last, null()).join(above, above.c.id == Closure.organisation_id)
    closures = closures.where(Closure.last >= first, Closure.first <= last)
    rows = (await session.execute(union_all(holidays, closures))).mappings().all()
    otherwise = {row["first"]: bool(row["working"]) for row in rows if row["working"] is not None}
    return WorkingDays(otherwise, tuple((row["first"], row["last"]) for row in rows if row["working"] is None))


@dataclass(frozen=True)
class Bookings:
    """Bookings of one transaction."""

    session: AsyncSession

    async def book(self, patient: Patient, key: str, earliest: date, latest: date, *, today: date) -> date:
        """Take a day for the visit and say which. Never later than ``latest``: a day off rolls back, unless that is past."""
        there = await self.session.get(VisitBooking, (patient.id, key))
        if there is not None:
            return there.day
        team = await self.session.get_one(CareTeam, patient.care_team_id)
        first = min(earliest, latest) - ROLLS_BACK
        worked = await working_days(self.session, team.organisation_id, first, latest)
        days = worked.among(earliest + timedelta(days=n) for n in range((latest - earliest).days + 1))
        if not days:
            before = worked.among(latest - timedelta(days=n) for n in range(1, (latest - first).days + 1))
            days = [day for day in before if day > today][:1] or [latest]
        taken = await self._taken(team.id, days[0], days[-1])
        load = {day: taken.get(day, 0) for day in days}
        # Full days only when every day is full; otherwise the latest of the emptiest days, so that the rhythm keeps its length.
        day = min(days, key=lambda d: (load[d] >= team.capacity, load[d], -d.toordinal()))
        self.session.add(VisitBooking(patient_id=patient.id, key=key, care_team_id=team.id, day=day))
        await self.session.flush()
        return day

    async def release(self, patient: Patient, key: str) -> None:
        """The day is free again."""
        await self.session.execute(delete(VisitBooking).where(VisitBooking.patient_id == patient.id, VisitBooking.key == key))

    async def _taken(self, team: str, first: date, last: date) -> dict[date, int]:
        rows = await self.session.execute(
            select(VisitBooking.day, func.count())
            .where(VisitBooking.care_team_id == team, VisitBooking.day.between(first, last))
            .group_by(VisitBooking.day)
        )
        return {day: count for day, count in rows}
