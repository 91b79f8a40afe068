"""Visit days in a care team's calendar: a working day within the window, where there is most room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import CareTeam, Patient, VisitBooking


def is_working_day(day: date) -> bool:
    """Monday to Friday; holidays come in as data (issue of capacity)."""
    return day.weekday() < 5


@dataclass(frozen=True)
class Bookings:
    """Bookings of one transaction."""

    session: AsyncSession
    working: Callable[[date], bool] = is_working_day

    async def book(self, patient: Patient, key: str, earliest: date, latest: date, *, today: date) -> date:
        """Take a day for the visit and say which. Never later than ``latest``: a weekend rolls back, unless that is past."""
        there = await self.session.get(VisitBooking, (patient.id, key))
        if there is not None:
            return there.day
        team = await self.session.get_one(CareTeam, patient.care_team_id)
        days = [earliest + timedelta(days=n) for n in range((latest - earliest).days + 1)]
        working = [day for day in days if self.working(day)]
        if not working:
            before = [latest - timedelta(days=n) for n in range(1, 6)]
            working = [day for day in before if day > today and self.working(day)][:1] or [latest]
        taken = await self._taken(team.id, working[0], working[-1])
        load = {day: taken.get(day, 0) for day in working}
        # Full days only when every day is full; otherwise the latest of the emptiest days, so that the rhythm keeps its length.
        day = min(working, key=lambda d: (load[d] >= team.capacity, load[d], -d.toordinal()))
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
