"""Late and corrected data: what was learnt too late counts as if it had been known in time.

The log is folded in the order in which things happened, once without the news and once with it; the patient as they are is then
brought to where they would be (reconcile.py).

Rule 1: what was learnt in time is followed by a plain step; only news of the past come here.
Rule 2: keys that were issued stay issued, and none is issued twice.
Rule 3: what can no longer be undone is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from pathways.engine import calendar, events
from pathways.engine.events import AnyEvent, Corrected
from pathways.engine.ordering import FACTS, happened, in_order, is_late, not_corrected, reported_before
from pathways.engine.plan import Plan
from pathways.engine.reconcile import reconcile
from pathways.engine.shadow import DayFor, Shadow, nowhere
from pathways.engine.state import State
from pathways.engine.step import Outcome, step
from pathways.engine.turn import Turn

__all__ = ["fold", "in_order", "may_concern_the_past", "news_of_the_past", "refold"]


def may_concern_the_past(state: State, event: AnyEvent) -> bool:
    """Whether the log must be looked at before ``event`` is followed: cheap, and False for nearly all that happens."""
    if isinstance(event, Corrected):
        return True
    if not isinstance(event, FACTS) or state.clock is None:
        return False
    zone = state.person.timezone
    at = happened(event, zone)
    on = calendar.local_day(at, zone)
    if on < calendar.local_day(event.learnt, zone) and at <= state.clock:
        return True  # later, nothing was done since it happened: it is in time, however late it was told
    return any(day is not None and day >= on for day in _days_known(state, event))


def _days_known(state: State, event: AnyEvent) -> Iterator[date | None]:
    """The days of what is known already and may be later than ``event``, or the same."""
    for course in state.courses.values():
        yield course.begun_on
        yield from (one.last for one in course.services.values())
    if isinstance(event, events.Dispensed) and event.fill.medicine in state.supplies:
        yield calendar.local_day(state.supplies[event.fill.medicine].since, state.person.timezone)
    if isinstance(event, events.ReadingReceived):
        yield from (state.readings[name].on for name in event.readings if name in state.readings)


def news_of_the_past(log: Sequence[AnyEvent], event: AnyEvent) -> bool:
    """Whether ``event``, learnt after all of ``log``, corrects it, belongs earlier in it, or tells it once more."""
    if isinstance(event, Corrected):
        return True
    zone = zone_of(log)
    facts = [fact for fact in log if isinstance(fact, FACTS)]
    return isinstance(event, FACTS) and (is_late(event, facts, zone) or reported_before(event, facts, zone) is not None)


def zone_of(log: Sequence[AnyEvent]) -> str:
    """The patient's time zone by the end of ``log``."""
    zone = "UTC"
    for event in log:
        if isinstance(event, events.Enrolled | events.PersonChanged):
            zone = event.timezone or zone
    return zone


def fold(plan: Plan, patient: str, log: Sequence[AnyEvent], *, until: datetime, day_for: DayFor = nowhere) -> State:
    """The state of a patient whose life is ``log``, with everything done that was due up to ``until``."""
    blank = State(patient)
    shadow = Shadow(_at_first(plan, log), blank, blank, day_for)
    shadow.lead(in_order(log), lived=log)
    shadow.until(until)
    return shadow.state


def refold(plan: Plan, state: State, log: Sequence[AnyEvent], news: Sequence[AnyEvent], *, day_for: DayFor = nowhere) -> Outcome:
    """Follow ``news`` (late facts, corrections) as if they had been known in time.

    ``log``: everything that was followed before, in the order of learning; ``plan`` holds every version that it names.
    ``day_for``: the day that a visit would have been booked on, where nobody ever asked.
    """
    present = max([*(event.learnt for event in news), *([state.clock] if state.clock else [])])
    was, would = _two_lives(plan, state, log, news, present, day_for)
    turn = Turn(plan.as_of(state), state, present)
    concerned = _say(turn, log, news)
    reconcile(turn, was, would, concerned)
    passed = step(plan, turn.state, events.DueReached(id="refold", at=present, learnt=present))
    return Outcome(passed.state, (*turn.commands, *passed.commands), (*turn.reasons, *passed.reasons))


def _two_lives(
    plan: Plan, state: State, log: Sequence[AnyEvent], news: Sequence[AnyEvent], present: datetime, day_for: DayFor
) -> tuple[Shadow, Shadow]:
    """The life without the news and the life with it; they are one up to where the news begins."""
    before, after = in_order(log), in_order((*log, *news))
    shared = 0
    while shared < min(len(before), len(after)) and before[shared] == after[shared]:
        shared += 1
    was = Shadow(_at_first(plan, log), State(state.patient), state, day_for)
    was.lead(before[:shared], lived=log)
    was, would = was.watched(), was.watched()
    for life, rest in ((was, before[shared:]), (would, after[shared:])):
        life.lead(rest, lived=log[shared:] if life is was else ())
        life.until(present)
    return was, would


def _at_first(plan: Plan, log: Sequence[AnyEvent]) -> Plan:
    """The plan with each pathway at the version that the patient began on, and with those that they have left since."""
    first: dict[str, str] = {}
    for event in log:
        if isinstance(event, events.VersionMoved):
            first.setdefault(event.pathway, event.came_from)
        elif isinstance(event, events.PathwaysChanged):
            first = {**event.versions, **first}
    began = {name: found for name, version in first.items() if (found := plan.versions.get(version)) is not None}
    own = {pathway.version: pathway for pathway in plan.pathways.values()}  # moved to, or from, on the way
    return replace(plan, pathways={**plan.pathways, **began}, versions={**own, **plan.versions})


def _say(turn: Turn, log: Sequence[AnyEvent], news: Sequence[AnyEvent]) -> set[str]:
    """Name what is new; answers the ids of the events that it concerns."""
    concerned: set[str] = set()
    known = {event.id: event for event in log}
    facts: list[AnyEvent] = [fact for fact in log if isinstance(fact, FACTS)]
    for event in news:
        if isinstance(event, Corrected):
            if held_back := not_corrected(event, known):
                turn.because("not_corrected", held_back=held_back, detail={"event": event.corrects})
            else:
                concerned.add(event.corrects)
                what = "never_happened" if event.void else ", ".join(sorted(event.readings))
                turn.because("corrected", detail={"event": event.corrects, "what": what})
        else:
            first = reported_before(event, facts, turn.timezone)
            on = calendar.local_day(happened(event, turn.timezone), turn.timezone).isoformat()
            if first is not None:
                turn.because("reported_twice", held_back="known_already", detail={"event": event.id, "first": first, "on": on})
            else:
                concerned.add(event.id)
                turn.because("known_late", detail={"event": event.id, "kind": type(event).__name__, "on": on})
                facts.append(event)
        known[event.id] = event
    return concerned
