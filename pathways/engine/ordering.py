"""The order in which things happened, where it is not the order in which they were learnt.

Rule 1: an ordinary log is left as it is: only what was learnt a local day or more after it happened, or after something later
        had been decided on, is placed where it happened.
Rule 2: a correction is applied to what it corrects, and what never happened is left out, as if it had been told right at once.
Rule 3: one fact that two systems report is one fact; the first report stands.
Rule 4: what tells of a key (a task, a referral, a booking) stays where it was learnt: it answers what had been done by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import cast

from pathways.engine import calendar, events
from pathways.engine.events import AnyEvent, Corrected, Event, Known, Readings

#: What may be told late: what was seen, measured, said or handed out.
FACTS = (events.VisitCompleted, events.ReadingReceived, events.ServiceCompleted, events.CallMade, events.Dispensed)
#: What life brought, which may have been told of the wrong person.
_LIFE = (
    *(events.Hospitalised, events.Discharged, events.Paused, events.Resumed),
    *(events.MovedAway, events.Withdrawn, events.Died),
)
_MEASURED = (events.VisitCompleted, events.ReadingReceived, events.ServiceCompleted, events.AnswerReceived)
#: What may turn out never to have happened.
VOIDABLE = (*FACTS, events.AnswerReceived, Corrected, *_LIFE)
_NOON = time(12, 0)


def in_order(log: Sequence[AnyEvent]) -> list[AnyEvent]:
    """``log``, which is in the order of learning, as it would be had everything been told right and in time.

    An event that is placed elsewhere has ``learnt`` at its new place, and never lies before the enrolment it belongs to.
    """
    zone, told, joined = "UTC", datetime.min.replace(tzinfo=UTC), None
    facts: list[AnyEvent] = []
    placed: list[tuple[datetime, int, AnyEvent]] = []
    for seq, event in enumerate(corrected(log)):
        told = max(told, event.learnt)
        if isinstance(event, events.Enrolled):
            zone, joined = event.timezone, told
        elif isinstance(event, events.PersonChanged):
            zone = event.timezone or zone
        if not isinstance(event, FACTS):
            placed.append((told, seq, event))
            continue
        if reported_before(event, facts, zone) is not None:
            continue
        at = happened(event, zone)
        late = is_late(event, facts, zone)
        facts.append(event)
        if late:
            at_place = at if joined is None else max(at, joined)
            placed.append((at_place, seq, cast(AnyEvent, replace(event, at=at, learnt=at_place))))
        else:
            placed.append((told, seq, event))
    return [event for _, _, event in sorted(placed, key=lambda one: one[:2])]


def happened(event: Event, zone: str) -> datetime:
    """When it happened; a fill that was told later happened on its own day."""
    at = min(event.at, event.learnt)
    if isinstance(event, events.Dispensed) and event.fill.on < calendar.local_day(at, zone):
        return calendar.at_local(event.fill.on, _NOON, zone)
    return at


def is_late(event: Event, facts: Sequence[Event], zone: str) -> bool:
    """Whether ``event`` was learnt a local day or more after it happened, or after one of ``facts`` that happened later."""
    at = happened(event, zone)
    if calendar.local_day(at, zone) < calendar.local_day(event.learnt, zone):
        return True
    return any(happened(fact, zone) > at for fact in facts)


def reported_before(event: Event, facts: Sequence[Event], zone: str) -> str | None:
    """The id of the fact among ``facts`` that ``event`` tells once more, adding nothing."""
    day = calendar.local_day(happened(event, zone), zone)
    for fact in facts:
        if type(fact) is type(event) and calendar.local_day(happened(fact, zone), zone) == day and _adds_nothing(fact, event):
            return fact.id
    return None


def _adds_nothing(known: Event, told: Event) -> bool:
    match known, told:
        case events.VisitCompleted(), events.VisitCompleted():
            return known.readings.items() >= told.readings.items() and set(known.done) >= set(told.done)
        case events.ServiceCompleted(), events.ServiceCompleted():
            return known.service == told.service and known.readings.items() >= told.readings.items()
        case events.Dispensed(), events.Dispensed():
            return known.fill == told.fill and not known.part and not told.part
        case events.ReadingReceived(), events.ReadingReceived():
            return (known.at, known.source, known.readings) == (told.at, told.source, told.readings)
    return False


def corrected(log: Sequence[AnyEvent]) -> list[AnyEvent]:
    """``log`` with its corrections applied and without them; a later correction comes before an earlier one, and may undo it."""
    void: set[str] = set()
    right: dict[str, Readings] = {}
    by_id = {event.id: event for event in log}
    for event in reversed(log):
        if not isinstance(event, Corrected) or event.id in void or not_corrected(event, by_id):
            continue
        if event.void:
            void.add(event.corrects)
        else:
            right[event.corrects] = {**event.readings, **right.get(event.corrects, {})}
    return [
        _with(event, right[event.id]) if event.id in right else event
        for event in log
        if event.id not in void and not isinstance(event, Corrected)
    ]


def not_corrected(correction: Corrected, log: Mapping[str, AnyEvent]) -> str:
    """Why a correction changes nothing, or nothing. ``log``: events by id."""
    event = log.get(correction.corrects)
    if event is None or event.id == correction.id:
        return "no_such_event"
    takes = VOIDABLE if correction.void else (*_MEASURED, events.Enrolled)
    return "" if isinstance(event, takes) else "cannot_be_corrected"


def _with(event: AnyEvent, readings: Readings) -> AnyEvent:
    if isinstance(event, events.Enrolled):
        known = {name: Known(value, event.readings[name].on) for name, value in readings.items() if name in event.readings}
        return replace(event, readings={**event.readings, **known})
    if isinstance(event, _MEASURED):
        return replace(event, readings={**event.readings, **readings})
    return event
