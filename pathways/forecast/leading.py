"""Time for one patient who is led through the months ahead: the engine's own, and what people mean to do in it.

Rule: an act is planned for a moment; whatever falls due before it is done before it, by the engine.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from pathways.engine import State, events, next_due, step
from pathways.engine.calendar import local_day, staff_moment
from pathways.engine.commands import BookVisit, Command
from pathways.engine.events import AnyEvent
from pathways.engine.turn import Ahead
from pathways.forecast.around import Around
from pathways.forecast.health import Health
from pathways.forecast.luck import Luck

TOGETHER = timedelta(hours=12)  # what falls due so soon after another thing is one step with it


@dataclass
class Leading:
    """One patient under one version. ``at``: the moment that has been reached; ``due``: when the engine wants to be woken."""

    around: Around
    state: State
    luck: Luck
    health: Health
    at: datetime = field(init=False)
    due: datetime | None = None
    steps: int = 0
    _acts: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _days: dict[str, date] = field(default_factory=dict)  # booking to its day
    _ahead: Ahead = field(default_factory=dict)
    _number: int = 0
    _made: int = 0  # visits made
    _since_visit: dict[str, int] = field(default_factory=dict)  # calls, texts since the last one
    _times: dict[str, int] = field(default_factory=dict)  # fetches and screenings by name
    _looked_at: tuple[object, ...] = ()
    _expected: tuple[object, ...] = ()  # the visit that the present coming is about

    def __post_init__(self) -> None:
        self.at, self.state = self.around.since, self.state.copy()  # led on in place, and the same beginning serves two versions
        for course in self.state.courses.values():
            for occurrence in course.services.values():
                if occurrence.booking is not None and occurrence.booked is not None:
                    self._days[occurrence.booking] = occurrence.booked
                    self.around.team.taken(occurrence.booked)

    # --- time
    @property
    def next(self) -> datetime | None:
        """When something next happens."""
        act = self._acts[0][0] if self._acts else None
        return act if self.due is None else self.due if act is None else min(act, self.due)

    @property
    def today(self) -> date:
        return local_day(self.at, self.state.person.timezone)

    def lives_on(self) -> None:
        """What comes ``next`` happens."""
        if self._acts and (self.due is None or self._acts[0][0] <= self.due):
            at, _, act = heapq.heappop(self._acts)
            self.at = max(self.at, at)
            act()
            return
        assert self.due is not None
        until = self.due + TOGETHER
        if self._acts:
            until = min(until, self._acts[0][0])
        self.take(events.DueReached(id="due", at=until, learnt=until))

    def take(self, event: AnyEvent) -> None:
        """The engine's step, and every day that it asks for."""
        self.at = max(self.at, event.learnt)
        waiting = [event]
        for one in waiting:  # grows while bookings are answered
            outcome = step(self.around.plan, self.state, one, self._ahead, imagined=True)
            self.steps += 1
            for command in outcome.commands:
                if isinstance(command, BookVisit):
                    day = self.around.team.book(command, self.today)
                    self._days[command.key] = day
                    waiting.append(self._event(events.VisitBooked, booking=command.key, day=day))
                else:
                    self._heed(command)
        self._expect()
        self.due = next_due(self.around.plan, self.state, self._ahead)

    def _tell(self, cls: type[AnyEvent], **what: object) -> None:
        self.take(self._event(cls, **what))

    def _event(self, cls: type[AnyEvent], **what: object) -> Any:
        self._number += 1
        return cls(id=f"forecast/{self._number}", at=self.at, learnt=self.at, **what)  # type: ignore[arg-type]

    def _plan(self, days: int, after: timedelta, act: Callable[[], None]) -> None:
        """Something that somebody will do in ``days``, on a day on which the team works."""
        self._plan_on(self.around.team.worked_from(self.today + timedelta(days=days)), after, act)

    def _plan_on(self, day: date, after: timedelta, act: Callable[[], None]) -> None:
        at = staff_moment(day, self.state.person.timezone) + after
        if at <= self.around.until:
            self._number += 1
            heapq.heappush(self._acts, (at, self._number, act))

    def _again(self, what: str) -> int:
        """1, 2, 3 ...: how often since the last visit."""
        self._since_visit[what] = self._since_visit.get(what, 0) + 1
        return self._since_visit[what]

    def _time(self, what: str) -> int:
        """1, 2, 3 ...: how often in all."""
        self._times[what] = self._times.get(what, 0) + 1
        return self._times[what]

    def _heed(self, command: Command) -> None:
        """What people do about a command."""
        raise NotImplementedError

    def _expect(self) -> None:
        """What people do now that the state is another."""
        raise NotImplementedError
