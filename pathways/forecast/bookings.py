"""A step together with the days that are found for the visits it asks for.

Rule 1: the live patient gets a day from records, by room in the care team; whoever only looks ahead gets one by a rule, from here.
Rule 2: each booking is answered before anything else happens, as in the live patient's own transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pathways.engine import Outcome, State, events, step
from pathways.engine.calendar import local_day
from pathways.engine.commands import BookVisit, Command
from pathways.engine.events import AnyEvent
from pathways.engine.plan import Plan

WorkingDay = Callable[[date, date], date]  # earliest and latest day of a window to the day that is kept
Between = Callable[[State], State]


@dataclass(frozen=True, slots=True)
class Taken:
    """One step: what happened and what came of it."""

    event: AnyEvent
    outcome: Outcome


def working_day(earliest: date, latest: date) -> date:
    """The last day from Monday to Friday in the window, or before it where it holds none."""
    day = latest
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return day


def steps(
    plan: Plan,
    state: State,
    event: AnyEvent,
    *,
    working_day: WorkingDay = working_day,
    between: Between = lambda state: state,
) -> Iterator[Taken]:
    """``event``, then every booking that comes of it; the last one's outcome holds the state there is then.

    ``between`` is laid between any two steps (a test serialises there).
    """
    outcome = step(plan, between(state), event)
    yield Taken(event, outcome)
    yield from booked(plan, outcome.state, outcome.commands, event.learnt, working_day=working_day, between=between)


def booked(
    plan: Plan,
    state: State,
    commands: Iterable[Command],
    now: datetime,
    *,
    working_day: WorkingDay = working_day,
    between: Between = lambda state: state,
) -> Iterator[Taken]:
    """The answers to those of ``commands`` that ask for a day; none where the rule finds only days that are past."""
    for command in commands:
        if not isinstance(command, BookVisit):
            continue
        day = working_day(command.earliest, command.latest)
        if day < local_day(now, state.person.timezone):
            continue
        answer = events.VisitBooked(id=f"{command.key}/booked", at=now, learnt=now, booking=command.key, day=day)
        for taken in steps(plan, state, answer, working_day=working_day, between=between):
            state = taken.outcome.state
            yield taken
