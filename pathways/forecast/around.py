"""What surrounds a patient who is led through the months ahead: the plan, the team's calendar, and where things are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pathways.engine.commands import BookVisit, SendMessage
from pathways.engine.plan import Plan
from pathways.forecast.behaviour import Behaviour
from pathways.forecast.bookings import TeamCalendar

LONGEST_CLOSURE = 60  # days

Count = Callable[[str, date, int], None]  # what, on which day, how many


@dataclass(frozen=True)
class Team:
    """The calendar of a care team of whose patients each in the sample stands for ``weight``."""

    calendar: TeamCalendar
    weight: int

    def book(self, visit: BookVisit, today: date) -> date:
        """A day for the visit, by the rule of the live calendar."""
        day = self.calendar.book(visit, today)
        self.calendar.taken[day] += self.weight - 1
        return day

    def taken(self, day: date, visits: int = 1) -> None:
        """So many visits more on ``day``; -1 for one that is given back."""
        self.calendar.taken[day] += visits * self.weight

    def worked_from(self, day: date) -> date:
        """``day``, or the next day on which the team works."""
        days = (day + timedelta(days=n) for n in range(LONGEST_CLOSURE))
        return next((on for on in days if self.calendar.worked(on)), day)


@dataclass(frozen=True)
class Around:
    """What surrounds a patient under one version. ``segments``: of a text; nobody acts after ``until``."""

    plan: Plan
    team: Team
    behaviour: Behaviour
    count: Count
    segments: Callable[[SendMessage], int]
    since: datetime
    until: datetime
