"""A patient's life as it would have been: the same engine, led through a log, every timer on time.

Rule 1: nothing of it is carried out; what it decided is kept, to be held against what was done.
Rule 2: an answer to a key (a task closed, a referral moved) may name a number that this life counted otherwise; it is taken for
        what it means: the same kind of task, the same referral, the visit whose window the day lies in.
Rule 3: a visit that nobody found a day for, because it was never asked for, has the day of ``day_for``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import cast

from pathways.engine import events
from pathways.engine.commands import BookVisit, Command, OpenTask, Reason, ReleaseVisit
from pathways.engine.events import AnyEvent
from pathways.engine.plan import Pathway, Plan
from pathways.engine.state import Referral, State
from pathways.engine.step import next_due, step
from pathways.engine.turn import Ahead

DayFor = Callable[[BookVisit], date | None]
ANSWERED_WITHIN = timedelta(hours=1)  # a day is found in the step that asks for it
MOST_TIMERS = 100_000  # of one life; more means that time does not pass


@dataclass(frozen=True, slots=True)
class Followed:
    """One event of this life and what came of it."""

    event: AnyEvent
    commands: tuple[Command, ...]
    reasons: tuple[Reason, ...]


def nowhere(_: BookVisit) -> None:
    """No day is found."""


@dataclass
class Shadow:
    """A life being led. ``live``: the patient as they are, for what keys mean; ``steps``: kept from ``watch`` on."""

    plan: Plan
    state: State
    live: State
    day_for: DayFor = nowhere
    opened: dict[str, OpenTask] = field(default_factory=dict)
    asked: dict[str, tuple[BookVisit, datetime]] = field(default_factory=dict)
    means: dict[str, str] = field(default_factory=dict)
    steps: list[Followed] = field(default_factory=list)
    ahead: Ahead = field(default_factory=dict)
    timers: int = 0
    strays: bool = False  # from the life that was lived: keys may be counted otherwise from here on

    def watched(self) -> Shadow:
        """This life from here on, led apart."""
        return replace(self, opened=dict(self.opened), asked=dict(self.asked), means=dict(self.means), steps=[], ahead={})

    def lead(self, story: Sequence[AnyEvent], *, lived: Sequence[AnyEvent]) -> None:
        """Lead it through ``story``. As long as that is what was ``lived``, keys are the same and are taken at their word."""
        for place, event in enumerate(story):
            self.strays = self.strays or place >= len(lived) or event != lived[place]
            self._follow(event)

    def _follow(self, event: AnyEvent) -> None:
        self.until(event.learnt)
        if isinstance(event, events.VisitBooked):
            self._booked(event)
            return
        self._take(self._meant(event))
        if isinstance(event, events.VersionMoved):
            moved = self.plan.versions.get(event.to)
            if moved is not None and event.pathway in self.plan.pathways:
                self.plan = replace(self.plan, pathways={**self.plan.pathways, event.pathway: moved})

    def until(self, moment: datetime) -> None:
        """Let time pass: every timer comes on time, and every visit gets a day."""
        while (due := next_due(self.plan, self.state, self.ahead)) is not None and due <= moment and self.timers < MOST_TIMERS:
            self._find_days(due)
            self.timers += 1
            self._take(events.DueReached(id=f"due/{due.isoformat()}", at=due, learnt=due))
        self._find_days(moment)

    def _take(self, event: AnyEvent) -> None:
        outcome = step(self.plan, self.state, event, self.ahead)
        self.state = outcome.state
        self.steps.append(Followed(event, outcome.commands, outcome.reasons))
        for command in outcome.commands:
            if isinstance(command, OpenTask):
                self.opened[command.key] = command
            elif isinstance(command, BookVisit):
                self.asked[command.key] = (command, event.learnt)
            elif isinstance(command, ReleaseVisit):
                self.asked.pop(command.key, None)

    # --- days of visits
    def _find_days(self, moment: datetime) -> None:
        for key, (visit, asked) in list(self.asked.items()):
            if asked + ANSWERED_WITHIN < moment and key in self.asked:
                del self.asked[key]
                day = self.day_for(visit)
                if day is not None:
                    answer = events.VisitBooked(id=f"{key}/booked", at=asked, learnt=asked, booking=key, day=day)
                    self._take(answer)

    def _booked(self, event: events.VisitBooked) -> None:
        """The day that was found then, for the visit that it was found for."""
        fits = [key for key, (visit, _) in self.asked.items() if visit.earliest <= event.day <= visit.latest]
        exact = not self.strays or event.booking in self.asked
        key = event.booking if exact else next(iter(fits), None)
        if key is not None:
            self.asked.pop(key, None)
            self._take(replace(event, booking=key))

    # --- what keys mean
    def _meant(self, event: AnyEvent) -> AnyEvent:
        match event:
            case events.TaskClosed() | events.TaskPostponed() | events.TaskHandedOver():
                return self._of_task(event)
            case events.ReferralMoved():
                return replace(event, referral=self._referral(event.referral))
            case events.ReferralDecided():
                return replace(event, referral=self._referral(event.referral, stage="to_confirm"))
            case events.RefillMoved() | events.SubstituteDecided():
                return replace(event, refill=self._refill(event.refill))
        return event

    def _of_task(self, event: events.TaskClosed | events.TaskPostponed | events.TaskHandedOver) -> AnyEvent:
        kind = event.task.removeprefix("task/").rpartition("#")[0]
        alike = [key for key, task in self.state.tasks.items() if task.kind == kind]
        if event.task in alike or not self.strays:
            return event
        if alike:
            return cast(AnyEvent, replace(event, task=alike[0]))
        if isinstance(event, events.TaskClosed) and event.outcome == "done" and self._is_screening(kind):
            # Nobody would have asked for it by then; that it was done stays true.
            return events.ServiceCompleted(id=event.id, at=event.at, learnt=event.learnt, service=kind)
        return event

    def _is_screening(self, name: str) -> bool:
        pathways: Mapping[str, Pathway] = self.plan.as_of(self.state).pathways
        services = (pathways[course].services.get(name) for course in self.state.courses if course in pathways)
        return any(service is not None and service.kind == "screening" for service in services)

    def _referral(self, key: str, *, stage: str = "") -> str:
        ours = self.state.referrals
        if not self.strays:
            self.means[key] = key
        if key in self.means:
            return self.means[key]
        taken = {self.means[other] for other in self.means if other != key}
        known = self.live.referrals.get(key)
        free = [one for one, referral in ours.items() if one not in taken and (not stage or referral.stage == stage)]
        alike = [one for one in free if known is not None and _same(ours[one], known)]
        found = key if key in free and (not alike or key in alike) else next(iter(alike or free), key)
        self.means[key] = found
        return found

    def _refill(self, key: str) -> str:
        ours = {supply.refill: medicine for medicine, supply in self.state.supplies.items() if supply.refill is not None}
        if not self.strays:
            self.means[key] = key
        if key in self.means:
            return self.means[key]
        taken = {self.means[other] for other in self.means if other != key}
        medicine = next((supply.medicine for supply in self.live.supplies.values() if supply.refill == key), None)
        free = [one for one in ours if one not in taken]
        alike = [one for one in free if ours[one] == medicine]
        found = key if key in free and (not alike or key in alike) else next(iter(alike or free), key)
        self.means[key] = found
        return found


def _same(one: Referral, other: Referral) -> bool:
    return (one.pathway, one.service, one.urgency) == (other.pathway, other.service, other.urgency)
