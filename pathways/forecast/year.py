"""The months ahead of one patient, if all goes to plan.

Rule 1: it is the engine of the live patient that is run ahead; only the patient and the places are imagined.
Rule 2: what is imagined is said: the patient comes on the booked day with the readings last known, screenings are done on
        their day, medicine is fetched on the day on which it is asked for, and referrals that are open go well.
Rule 3: what only a setback would bring (a chased visit, another referral for the same readings) is no part of a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache, partial
from typing import NamedTuple

from pathways.engine import State, events, merging, next_due, visits
from pathways.engine.asking import HELD
from pathways.engine.calendar import at_local, local_day
from pathways.engine.events import AnyEvent, Fill
from pathways.engine.plan import Plan
from pathways.engine.state import Course, Occurrence, Supply
from pathways.engine.turn import Ahead, Turn
from pathways.forecast.bookings import FindDay, Taken, WorkingDay, booked, steps, working_day
from pathways.forecast.planned import Planned, by_itself, names

COMES_AT = time(12, 0)  # the middle of the working day
USUAL_FILL = 30  # days of supply in a fill of which nothing else is known
MOST_STEPS = 5_000  # more in the days asked for means that something does not settle


class _Act(NamedTuple):
    """What the patient or a place does at ``at``; ``made``: what happens then, and how it is told."""

    at: datetime
    made: Callable[[], tuple[AnyEvent, Planned]]


_Told = tuple[Planned, type[AnyEvent], Mapping[str, object]]  # how it is told, what happens, and with what


def year_ahead(
    plan: Plan,
    state: State,
    *,
    now: datetime | None = None,
    days: int = 365,
    fill_days: Mapping[str, int] | None = None,
    working_day: WorkingDay = working_day,
    find_day: FindDay | None = None,
) -> tuple[Planned, ...]:
    """What lies ahead of the patient for ``days`` from ``now`` (aware), in order of time, if all goes to plan.

    The assumption: they come on the booked day (or the agreed one; at once where they are overdue) with the readings last known;
    where those decide nothing, the rhythm of the tag goes on. Screenings are done on the last working day by which they are due.
    Visits get the days of ``find_day``, which knows the care team's room; without it, of ``working_day``.
    Without ``now``, the present is the last moment at which anything was done for them, which may be days ago.
    Medicine is fetched on the day on which it is asked for, ``fill_days`` of each (30 where nothing is given). Open referrals are
    confirmed and completed. Whoever has left, or rests without a known end, has an empty plan; a pause with an end is waited for.
    """
    if state.clock is None:
        return ()
    year = _Year(plan, state, dict(fill_days or {}), working_day, find_day)
    if now is not None and now > state.clock:
        year.brought_up_to(now)
    if not year.goes_on:
        return ()
    until = local_day(year.now, year.zone) + timedelta(days=days)
    year.go_well()
    if year.state.life == "active":
        year.readings_come()
    for _ in range(MOST_STEPS):
        act, due = year.next_act(), year.next_due()
        if act is not None and (due is None or act.at < due):
            if local_day(act.at, year.zone) > until:
                break
            year.acted(act)
        elif due is not None and local_day(due, year.zone) <= until:
            year.passes(due)
        else:
            break
    return tuple(year.planned)


@dataclass
class _Year:
    """One patient being led through the months ahead: in place, in a copy of their state that stays the same object."""

    plan: Plan
    state: State
    fill_days: dict[str, int]
    working_day: WorkingDay
    find_day: FindDay | None = None
    planned: list[Planned] = field(default_factory=list)
    _begun: frozenset[str] = frozenset()
    _ahead: Ahead = field(default_factory=dict)
    _looking: Turn = field(init=False)

    def __post_init__(self) -> None:
        self.state = self.state.copy()
        self.working_day = cache(self.working_day)
        self._begun = frozenset(self.state.referrals)
        self._looking = Turn(self.plan, self.state, self.now, self._ahead, looks=True)

    @property
    def zone(self) -> str:
        return self.state.person.timezone

    @property
    def now(self) -> datetime:
        assert self.state.clock is not None
        return self.state.clock

    @property
    def goes_on(self) -> bool:
        """Followed now, or from a known day on."""
        return self.state.life == "active" or (self.state.life == "paused" and self.state.life_until is not None)

    # --- time
    def brought_up_to(self, now: datetime) -> None:
        """Until now nothing is imagined: what has fallen due has been done."""
        self._all(events.DueReached(id="now", at=now, learnt=now))

    def passes(self, due: datetime) -> None:
        """Time goes on to the next due moment."""
        active = self.state.life == "active"
        for taken in self._take(events.DueReached(id="due", at=due, learnt=due)):
            if active and isinstance(taken.event, events.DueReached):
                day = local_day(due, self.zone)
                self.planned.extend(by_itself(self.plan, day, taken.outcome.commands))
        self.go_well()
        self._check_referrals()

    def acted(self, act: _Act) -> None:
        """The patient comes, or fetches something."""
        before = dict(self.state.courses)
        event, planned = act.made()
        self.planned.append(planned)
        self._all(event)
        if isinstance(event, events.VisitCompleted):
            self._keep_rhythm(lambda *name: _number(before, *name) == _number(self.state.courses, *name))
        self.go_well()

    def _take(self, event: AnyEvent) -> Iterator[Taken]:
        return steps(
            self.plan,
            self.state,
            event,
            working_day=self.working_day,
            find_day=self.find_day,
            ahead=self._ahead,
            imagined=True,
        )

    def next_due(self) -> datetime | None:
        """When the engine next wants to be woken."""
        return next_due(self.plan, self.state, self._ahead)

    # --- what the patient does
    def next_act(self) -> _Act | None:
        """What comes first of visits, screenings and medicine to be fetched."""
        if self.state.life != "active":
            return None
        return min((*self._visits(), *self._screenings(), *self._fetches()), key=lambda act: act.at, default=None)

    def _visits(self) -> Iterator[_Act]:
        found = visits.next_visit(self._looking)
        if found is not None:
            pathway, _, occurrence = found
            yield self._on(occurrence.day, partial(self._visit, pathway, occurrence))

    def _visit(self, pathway: str, occurrence: Occurrence) -> _Told:
        serves = self._looking.active_services("follow_up")
        planned = Planned(
            day=occurrence.day,
            kind="visit",
            pathway=pathway,
            services=names(service for _, service in serves),
            collects=tuple(dict.fromkeys(reading for _, service in serves for reading in service.collects)),
            why="agreed" if occurrence.confirmed and occurrence.booked else "booked" if occurrence.booked else "due",
            pathways=tuple(dict.fromkeys((pathway, *(one.name for one, _ in serves)))),
        )
        return planned, events.VisitCompleted, {"readings": {name: known.value for name, known in self.state.readings.items()}}

    def _screenings(self) -> Iterator[_Act]:
        """The one that comes first."""
        days: dict[tuple[str, str], date] = {}
        for name, course in self.state.courses.items():
            pathway = self.plan.pathways.get(name)
            for service_name, occurrence in course.services.items():
                service = pathway.services.get(service_name) if pathway else None
                if service is not None and service.kind == "screening":
                    earliest = min(occurrence.earliest, occurrence.due)
                    days[name, service_name] = self.working_day(earliest, occurrence.due)
        if days:
            first, day = min(days.items(), key=lambda item: item[1])
            yield self._on(day, partial(self._screening, *first, day))

    def _screening(self, name: str, screening: str, day: date) -> _Told:
        """With those that are done at once with it."""
        leads = merging.led(self._looking)
        leader = leads.get((name, screening), (name, screening))
        group = [(name, screening), leader, *(led for led, by in leads.items() if by == leader)]
        group += [(other, screening) for other, one in self.state.courses.items() if screening in one.services]
        held = [(self.plan.pathways[other], wanted) for other, wanted in dict.fromkeys(group) if other in self.plan.pathways]
        services = [pathway.services[wanted] for pathway, wanted in held if wanted in pathway.services]
        collects = tuple(dict.fromkeys(reading for service in services for reading in service.collects))
        wanting = tuple(other for other in self.state.courses if other in dict(group))
        planned = Planned(day, "screening", name, names(services), collects, "due", pathways=wanting)
        return planned, events.ServiceCompleted, {"service": screening}

    def _fetches(self) -> Iterator[_Act]:
        for supply in self.state.supplies.values():
            if supply.stage and supply.stage != HELD:
                day = local_day(self.now, self.zone)
                yield self._on(day, partial(self._fetch, supply, day))

    def _fetch(self, supply: Supply, day: date) -> _Told:
        on, medicine = (supply.pathway,), supply.medicine
        planned = Planned(day, "refill", supply.pathway, (supply.service,), (), "asked_for", about=medicine, pathways=on)
        return planned, events.Dispensed, {"fill": Fill(medicine, day, self.fill_days.get(medicine, USUAL_FILL))}

    def _on(self, day: date, tell: Callable[[], _Told]) -> _Act:
        """At midday of ``day``; what is overdue is done on the next working day."""
        at, late = at_local(day, COMES_AT, self.zone), False
        if at < self.now:
            day, late = local_day(self.now, self.zone) + timedelta(days=1), True
            while self.working_day(day, day) != day:
                day += timedelta(days=1)
            at = at_local(day, COMES_AT, self.zone)

        def made() -> tuple[AnyEvent, Planned]:
            planned, cls, what = tell()
            event = cls(id=f"{planned.kind}/{day}", at=at, learnt=at, **what)  # type: ignore[arg-type]
            if late:
                planned = replace(planned, day=day, why=planned.why if cls is events.Dispensed else "overdue")
            return event, planned

        return _Act(at, made)

    def readings_come(self) -> None:
        """Follow-ups to which the patient has come, and only readings are missing: they are not come to again."""
        self._keep_rhythm(lambda pathway, _: self.state.courses[pathway].begun_on is not None)

    def _keep_rhythm(self, undecided: Callable[[str, str], bool]) -> None:
        """Follow-ups of which no row told when they come next go on by the tag's rhythm."""
        turn = Turn(self.plan, self.state, self.now, self._ahead, imagined=True)
        for pathway, service in turn.active_services("follow_up"):
            if undecided(pathway.name, service.name) and turn.occurrence(pathway.name, service.name) is not None:
                came = turn.state.courses[pathway.name].begun_on or turn.today
                due = max(came + timedelta(days=service.every.on(turn.worst_tag)), turn.today + timedelta(days=1))
                visits.plan_next(turn, pathway, service, due, last=came, code="next_due")
                turn.course(pathway.name, begun={}, begun_on=None)
                turn.close_tasks("readings_came", kinds=("complete_readings",), service=service.name, pathway=pathway.name)
        visits.book_where_needed(turn)
        answers = booked(
            self.plan,
            self.state,
            turn.commands,
            self.now,
            working_day=self.working_day,
            find_day=self.find_day,
            ahead=self._ahead,
            imagined=True,
        )
        for _ in answers:
            pass

    # --- what the places do
    def go_well(self) -> None:
        """Referrals open at the beginning are confirmed and completed; those that the same readings ask for again are left out."""
        for key, referral in tuple(self.state.referrals.items()):
            if key not in self._begun:
                del self.state.referrals[key]
                for task, open_ in tuple(self.state.tasks.items()):
                    if open_.about == key:
                        del self.state.tasks[task]
                continue
            if referral.stage == "to_confirm":
                approved = events.ReferralDecided(id=key, at=self.now, learnt=self.now, referral=key, approved=True)
                self._all(approved)
            if referral.stage not in ("completed", "sent_back"):
                self._all(events.ReferralMoved(id=key, at=self.now, learnt=self.now, referral=key, stage="completed"))

    def _check_referrals(self) -> None:
        for key, task in tuple(self.state.tasks.items()):
            if task.kind == "referral_check":
                self._all(events.TaskClosed(id=key, at=self.now, learnt=self.now, task=key, outcome="completed"))

    def _all(self, event: AnyEvent) -> None:
        for _ in self._take(event):
            pass


def _number(courses: Mapping[str, Course], pathway: str, service: str) -> int:
    course = courses.get(pathway)
    return course.services[service].n if course and service in course.services else 0
