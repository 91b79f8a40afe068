"""Which day a visit gets, and a step together with the days that are found for the visits it asks for.

Rule 1: there is one rule for the day, ``choose_day``: the live patient's records, the preview and the forecast all ask it.
Rule 2: a visit is never booked later than due, nor refused: where no room is left, the day with the fewest visits takes one more.
Rule 3: those with the worst tag come first: part of each day is kept for them until the day is near, and where days are too few
        it is the others' that grow longer.
Rule 4: each booking is answered before anything else happens, as in the live patient's own transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice

from pathways.engine import Outcome, State, events, step
from pathways.engine.calendar import local_day
from pathways.engine.commands import BookVisit, Command
from pathways.engine.events import AnyEvent
from pathways.engine.plan import Plan
from pathways.engine.turn import Ahead

WorkingDay = Callable[[date, date], date]  # earliest and latest day of a window to the day that is kept
FindDay = Callable[[BookVisit, date], date]  # what is asked for, and the day on which it is asked: the day that is kept
Between = Callable[[State], State]

ROLLS_BACK = timedelta(days=21)  # longer than any holiday
ROLLS_ONTO = 3  # worked days before a holiday (product)
KEPT_SHARE = 5  # one place in so many is kept for the worst tag (product)
KEPT_UNTIL = timedelta(days=3)  # before the day; what nobody with the worst tag took by then is free to all (product)


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """Which days are worked: Monday to Friday but for what the calendar says otherwise, and never while the place is closed.

    ``otherwise``: day to whether it is worked; ``closed``: first and last day of each closure, both inclusive.
    """

    otherwise: Mapping[date, bool] = field(default_factory=dict)
    closed: tuple[tuple[date, date], ...] = ()

    def __call__(self, day: date) -> bool:
        if self.closed and any(first <= day <= last for first, last in self.closed):
            return False
        return self.otherwise.get(day, day.weekday() < 5)

    def among(self, days: Iterable[date]) -> list[date]:
        """Those of ``days`` that are worked, in their order."""
        return [day for day in days if self(day)]

    def window(self, earliest: date, latest: date, *, today: date) -> list[date]:
        """The days that a visit may get, in order; never none.

        Worked days from ``earliest`` to ``latest``; where there is none, the last few before that are still ahead of ``today``
        (more than one, or all whom a long holiday puts off would come on its eve); where there is none either, ``latest`` itself.
        """
        days = self.among(earliest + timedelta(days=n) for n in range((latest - earliest).days + 1))
        if days:
            return days
        back = (min(earliest, latest) - timedelta(days=n) for n in range(1, ROLLS_BACK.days + 1))
        return sorted(islice((day for day in back if day > today and self(day)), ROLLS_ONTO)) or [latest]

    def last(self, earliest: date, latest: date) -> date:
        """The last worked day in the window, or before it where it holds none: the rule where room does not count."""
        back = (latest - timedelta(days=n) for n in range((latest - earliest).days + ROLLS_BACK.days + 1))
        return next((day for day in back if self(day)), latest)


def choose_day(days: Sequence[date], taken: Mapping[date, int], capacity: int, *, first: bool, today: date) -> date:
    """The one of ``days`` (not empty, of ``WorkingDays.window``) on which a visit is booked.

    ``taken``: visits booked in the care team by day; ``capacity``: visits a day that it has room for; ``first``: the patient has
    the worst tag of their pathway. Where there is room, the day with the fewest visits, and of those the latest, so that the rhythm
    keeps its length. One place in five is kept for those who come first until the day is near. Where the others find no room left,
    they fill one day after the other to a fifth above its capacity, and the kept places of the rest stay free; only where
    every day is as full as that do they take those too.
    """

    def cost(day: date) -> tuple[int, int, int]:
        load, kept = taken.get(day, 0), 0 if first or day <= today + KEPT_UNTIL else capacity // KEPT_SHARE
        if load < capacity - kept:
            return 0, load, -day.toordinal()
        if load < capacity + kept:
            return 1, -load, -day.toordinal()
        return 2, load, -day.toordinal()

    return min(days, key=cost)


@dataclass
class TeamCalendar:
    """The visits of one care team, in memory: the same rule as the live one, for whoever only looks ahead.

    ``taken``: visits a day; ``worked``: the team's working days; ``capacity``: visits a day.
    """

    capacity: int
    worked: WorkingDays = field(default_factory=WorkingDays)
    taken: Counter[date] = field(default_factory=Counter)

    def book(self, visit: BookVisit, today: date) -> date:
        """Take a day for ``visit`` and say which."""
        days = self.worked.window(visit.earliest, visit.latest, today=today)
        day = choose_day(days, self.taken, self.capacity, first=visit.first, today=today)
        self.taken[day] += 1
        return day

    def release(self, day: date) -> None:
        """One visit less on ``day``."""
        self.taken[day] -= 1

    def find(self, visit: BookVisit, today: date) -> date:
        """The day that ``book`` would take, which stays free."""
        days = self.worked.window(visit.earliest, visit.latest, today=today)
        return choose_day(days, self.taken, self.capacity, first=visit.first, today=today)


@dataclass(frozen=True, slots=True)
class Taken:
    """One step: what happened and what came of it."""

    event: AnyEvent
    outcome: Outcome


def working_day(earliest: date, latest: date) -> date:
    """The last day from Monday to Friday in the window, or before it where it holds none."""
    return WorkingDays().last(earliest, latest)


def steps(
    plan: Plan,
    state: State,
    event: AnyEvent,
    *,
    working_day: WorkingDay = working_day,
    find_day: FindDay | None = None,
    between: Between = lambda state: state,
    ahead: Ahead | None = None,
    imagined: bool = False,
) -> Iterator[Taken]:
    """``event``, then every booking that comes of it; the last one's outcome holds the state there is then.

    Days are those of ``find_day``, which minds room and tag; without it, of ``working_day``, which minds neither.
    ``between`` is laid between any two steps (a test serialises there). ``ahead``, ``imagined``: see ``step``.
    """
    outcome = step(plan, between(state), event, ahead, imagined=imagined)
    yield Taken(event, outcome)
    yield from booked(
        plan,
        outcome.state,
        outcome.commands,
        event.learnt,
        working_day=working_day,
        find_day=find_day,
        between=between,
        ahead=ahead,
        imagined=imagined,
    )


def booked(
    plan: Plan,
    state: State,
    commands: Iterable[Command],
    now: datetime,
    *,
    working_day: WorkingDay = working_day,
    find_day: FindDay | None = None,
    between: Between = lambda state: state,
    ahead: Ahead | None = None,
    imagined: bool = False,
) -> Iterator[Taken]:
    """The answers to those of ``commands`` that ask for a day; none where the rule finds only days that are past."""
    for command in commands:
        if not isinstance(command, BookVisit):
            continue
        today = local_day(now, state.person.timezone)
        day = find_day(command, today) if find_day is not None else working_day(command.earliest, command.latest)
        if day < today:
            continue
        answer = events.VisitBooked(id=f"{command.key}/booked", at=now, learnt=now, booking=command.key, day=day)
        found = steps(
            plan,
            state,
            answer,
            working_day=working_day,
            find_day=find_day,
            between=between,
            ahead=ahead,
            imagined=imagined,
        )
        for taken in found:
            state = taken.outcome.state
            yield taken
