"""A life folded anew by a new engine, under the keys that the old one issued.

Rule 1: what is known comes from the fold; what was issued (tasks, bookings, requests, numbers) stays as it is in the records.
Rule 2: the marks of reminders and escalations come from the fold, since their shape may be what has changed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pathways.engine.state import Course, Occurrence, State


def rekeyed(folded: State, kept: State) -> State:
    """``folded`` with the keys of ``kept``, the snapshot of the same patient at the same moment by an older engine."""
    state = folded.copy()
    names = (*kept.numbers, *folded.numbers)
    state.numbers = {name: max(folded.numbers.get(name, 0), kept.numbers.get(name, 0)) for name in names}
    state.tasks, state.referrals = dict(kept.tasks), dict(kept.referrals)
    state.supplies = {
        medicine: replace(ours, key=theirs.key, refill=theirs.refill, stage=theirs.stage, attempt=theirs.attempt)
        if (ours := folded.supplies.get(medicine)) is not None
        else theirs
        for medicine, theirs in kept.supplies.items()
    }
    state.waiting, state.told, state.texted = kept.waiting, kept.told, kept.texted
    state.reach, state.reach_since, state.searches = kept.reach, kept.reach_since, kept.searches
    for name, course in folded.courses.items():
        if name in kept.courses:
            state.courses[name] = _course(course, kept.courses[name], kept.clock)
    return state


def _course(folded: Course, kept: Course, clock: datetime | None) -> Course:
    services = {name: replace(one, booking=None, booked=None) for name, one in folded.services.items() if name not in kept.services}
    for name, theirs in kept.services.items():
        services[name] = _occurrence(folded.services.get(name), theirs, clock)
    return replace(folded, services={name: services[name] for name in (*folded.services, *kept.services)})


def _occurrence(folded: Occurrence | None, kept: Occurrence, clock: datetime | None) -> Occurrence:
    if folded is None or folded.due != kept.due:  # the day that the patient was told stands
        return replace(kept, marks=(), since=clock or kept.since)
    issued = {"n": kept.n, "booking": kept.booking, "booked": kept.booked, "confirmed": kept.confirmed, "since": kept.since}
    return replace(folded, **issued)  # type: ignore[arg-type]
