"""A live patient led as steps lead them: timers on time, visits booked, news of the past refolded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from pathways.engine import Outcome, State, events, next_due, step
from pathways.engine.commands import BookVisit, Command, Reason
from pathways.engine.events import AnyEvent
from pathways.engine.plan import Plan
from pathways.engine.refold import may_concern_the_past, news_of_the_past, refold


def day_for(visit: BookVisit) -> date:
    """Two days before it is due, where the window allows."""
    return max(visit.earliest, visit.latest - timedelta(days=2))


@dataclass
class Lived:
    """``told``: everything that was learnt; ``refolds``: how often it was news of the past."""

    plan: Plan
    state: State = field(default_factory=lambda: State("p-1"))
    told: list[AnyEvent] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    last: tuple[Reason, ...] = ()
    refolds: int = 0

    def until(self, moment: datetime) -> None:
        """Every timer comes on time."""
        while (due := next_due(self.plan, self.state)) is not None and due <= moment:
            self._take(events.DueReached(id=f"due/{due.isoformat()}", at=due, learnt=due))

    def tell(self, event: AnyEvent) -> Lived:
        """It is learnt at ``event.learnt``."""
        self.until(event.learnt)
        self.last = ()
        if may_concern_the_past(self.state, event) and news_of_the_past(self.told, event):
            self.refolds += 1
            outcome = refold(self.plan, self.state, tuple(self.told), [event], day_for=day_for)
            self.told.append(event)
            self._taken(outcome, event.learnt)
        else:
            self.told.append(event)
            self._take(event)
        return self

    def codes(self) -> list[str]:
        """The reasons of the last event, by code."""
        return [reason.code for reason in self.last]

    def _take(self, event: AnyEvent) -> None:
        self._taken(step(self.plan, self.state, event), event.learnt)

    def _taken(self, outcome: Outcome, now: datetime) -> None:
        self.state = outcome.state
        self.commands += outcome.commands
        self.reasons += outcome.reasons
        self.last = (*self.last, *outcome.reasons)
        for command in outcome.commands:
            if isinstance(command, BookVisit):
                day = day_for(command)
                booked = events.VisitBooked(id=f"{command.key}/booked", at=now, learnt=now, booking=command.key, day=day)
                self.told.append(booked)
                self._take(booked)


def lived(plan: Plan, story: Iterable[AnyEvent]) -> Lived:
    """The life that ``story`` makes, in the order in which it is told."""
    life = Lived(plan)
    for event in story:
        life.tell(event)
    return life


def dues(state: State) -> dict[tuple[str, str], Any]:
    """By service: the due day."""
    return {(name, service): one.due for name, course in state.courses.items() for service, one in course.services.items()}
