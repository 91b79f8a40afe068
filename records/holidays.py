"""Calendars: the days that are not what their weekday says.

Rule 1: a day that somebody put there stays as it is whatever is taken over from a published calendar, unless they ask for it.
Rule 2: a calendar belongs to whoever stands over every place that keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import holidays as published
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.places import Subtree
from records.tables import Holiday, Organisation

WORKED = "worked in place of a holiday"


class UnknownCalendar(LookupError):
    """No calendar is published for this country or part of it; the message says what there is."""


@dataclass(frozen=True, slots=True)
class TakenOver:
    """How many days came in, how many were there already and stay, how many were written over."""

    added: int
    kept: int
    replaced: int


@dataclass(frozen=True)
class Holidays:
    """Holidays of one transaction."""

    session: AsyncSession

    async def days(self, calendar: str, first: date, last: date) -> Sequence[Holiday]:
        """The days of a calendar from ``first`` to ``last``, in order."""
        query = select(Holiday).where(Holiday.calendar == calendar, Holiday.day.between(first, last)).order_by(Holiday.day)
        return list(await self.session.scalars(query))

    async def is_theirs(self, calendar: str, under: Subtree) -> bool:
        """Whether every place that keeps the calendar belongs to ``under``."""
        keepers = await self.session.scalars(select(Organisation.id).where(Organisation.calendar == calendar))
        return all(under.covers(place) for place in keepers)

    async def put(self, calendar: str, day: date, *, working: bool, name: str) -> bool:
        """Say what a day is; True where the calendar did not have it."""
        row = await self.session.get(Holiday, (calendar, day), with_for_update=True)
        if row is None:
            self.session.add(Holiday(calendar=calendar, day=day, working=working, name=name))
            return True
        row.working, row.name = working, name
        return False

    async def take_over(self, calendar: str, days: Iterable[tuple[date, bool, str]], *, overwrite: bool) -> TakenOver:
        """Put many days at once: ``(day, worked, name)``."""
        wanted = {day: (working, name) for day, working, name in days}
        if not wanted:
            return TakenOver(0, 0, 0)
        there = {row.day: row for row in await self.days(calendar, min(wanted), max(wanted)) if row.day in wanted}
        fresh = [day for day in wanted if day not in there]
        self.session.add_all(
            Holiday(calendar=calendar, day=day, working=wanted[day][0], name=wanted[day][1]) for day in sorted(fresh)
        )
        other = [row for day, row in there.items() if (row.working, row.name) != wanted[day]]
        if overwrite:
            for row in other:
                row.working, row.name = wanted[row.day]
        replaced = len(other) if overwrite else 0
        return TakenOver(len(fresh), len(there) - replaced, replaced)


def published_days(country: str, years: Sequence[int], part: str | None = None) -> list[tuple[date, bool, str]]:
    """The public holidays of a country (ISO code, or of a part of it), and the weekends that are worked for them.

    From the ``holidays`` package. Raises UnknownCalendar.
    """
    known = published.list_supported_countries()
    if country not in known:
        raise UnknownCalendar("is no country whose calendar is published; write its two letters, such as CN")
    if part is not None and part not in known[country]:
        parts = ", ".join(known[country]) or "none"
        raise UnknownCalendar(f"is no part of {country} with a calendar of its own; there are: {parts}")
    found = published.country_holidays(country, subdiv=part, years=list(years))
    days = [(day, False, name[:100]) for day, name in found.items()]
    worked = getattr(found, "weekend_workdays", None) or set()
    return sorted(days + [(day, True, WORKED) for day in worked if day.year in set(years) and day not in found])
