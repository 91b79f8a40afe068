"""The patient as they are, brought to where they would be: by meaning, never by number.

Two shadows are held against each other, the life without the news and the life with it. What differs is what the news changes, and
only that is changed here.

Rule 1: clinical content comes from the life with the news; numbers and keys stay the live patient's, so that none is made twice.
Rule 2: what would not be there is closed, released, withdrawn or retracted; what would be there is opened and asked for now.
Rule 3: no text of the past is sent; a clinician is told now of an emergency that nothing later has overtaken.
Rule 4: what was done and cannot be undone stays, is said (``cannot_undo``), and where it matters a clinician looks at it.
Rule 5: where the news bring a move to another version, or take it back, both are carried to that version before they are compared.
Rule 6: time that has passed for nothing is not held against the patient: what would be overdue is due soon.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields, replace
from datetime import date, timedelta

from pathways.engine import contacts, life, moving, visits
from pathways.engine.commands import BookVisit, ReleaseVisit
from pathways.engine.errands import Errands
from pathways.engine.shadow import Shadow
from pathways.engine.state import ENDED, Course, Occurrence, State
from pathways.engine.turn import Turn

_OF_THE_PERSON = (
    *("life", "life_since", "life_until", "life_checks", "reach", "reach_since", "searches"),
    *("opted_out", "agreed", "refused", "phone", "carer", "person"),
)
_OF_REACH = ("reach", "reach_since", "searches")
_COURSE = tuple(field.name for field in fields(Course) if field.name != "services")
#: What the shadow put down for the news itself, and is told on.
_TOLD_ON = frozenset(
    {
        *("decided", "readings_missing", "home_reading", "visit_noted", "service_done", "screening_noted", "service_noted"),
        *("dispensed", "dispensed_part", "fill_noted", "called", "medicine_finding"),
    }
)


def reconcile(turn: Turn, was: Shadow, would: Shadow, news: Collection[str]) -> None:
    """Bring the live patient of ``turn`` from where ``was`` ends to where ``would`` ends. ``news``: ids of what is new."""
    _tell_what_was_decided(turn, was, would, news)
    if would.state.life in ENDED and turn.state.life not in ENDED:
        life.end(turn, would.state.life)
    _person(turn, was.state, would.state)
    was = _on_one_version(turn, was, would)
    for name in turn.state.courses:
        if name in would.state.courses and name in was.state.courses:
            _course(turn, name, was.state.courses[name], would.state.courses[name])
    for name in turn.state.courses:
        if name in would.state.courses and name in was.state.courses:
            _services(turn, name, was.state.courses[name], would.state.courses[name])
    _readings(turn.state, was.state, would.state)
    turn.state.medicine_findings = would.state.medicine_findings
    Errands(turn, was, would).reconcile()
    if turn.state.life != "active":
        _release_all(turn)
    contacts.flush(turn)


def _tell_what_was_decided(turn: Turn, was: Shadow, would: Shadow, news: Collection[str]) -> None:
    """The answers of the tables to what is new, and to what came after it where they are now others."""
    before = {(one.event.id, r.pathway, r.service): r.row for one in was.steps for r in one.reasons if r.code == "decided"}
    for one in would.steps:
        for reason in one.reasons:
            answered = before.get((one.event.id, reason.pathway, reason.service), reason.row)
            if (one.event.id in news and reason.code in _TOLD_ON) or (reason.code == "decided" and answered != reason.row):
                turn.reasons.append(reason)


def _person(turn: Turn, was: State, would: State) -> None:
    state = turn.state
    lost_unsought = would.reach == "unreachable" and state.reach == "reachable"  # nobody looked for them in vain
    for name in _OF_THE_PERSON:
        if getattr(was, name) == getattr(would, name) or (lost_unsought and name in _OF_REACH):
            continue
        if name == "reach" and state.reach != would.reach:
            turn.because("found_again")
        zone = state.person.timezone
        setattr(state, name, getattr(would, name))
        contacts.zone_changed(turn, zone)
    if was.life != would.life:
        turn.because("known_otherwise", detail={"from": was.life, "to": would.life})


def _on_one_version(turn: Turn, was: Shadow, would: Shadow) -> Shadow:
    """Carry the live patient, and ``was`` to be compared, to the versions that ``would`` follows."""
    plan = would.plan.as_of(would.state)
    for name, ought in would.state.courses.items() if turn.state.life not in ENDED else ():
        before, live, new = was.state.courses.get(name), turn.state.courses.get(name), plan.pathways.get(name)
        if before is None or live is None or new is None or not before.version == live.version != ought.version == new.version:
            continue
        waited, replacing = before, moving.Replacing(before.coming_services, before.coming_tags)
        if before.coming != ought.version:  # it is taken back
            waited, replacing = ought, moving.Replacing(ought.coming_services, ought.coming_tags).back()
        other = Turn(was.plan.as_of(was.state), was.state, turn.now)
        for one, course in ((other, before), (turn, live)):
            moving.take_over(one, course, new, replacing, policy="safe_point", rollout=waited.coming_rollout)
        was = replace(was, state=other.state)
    return was


def _course(turn: Turn, name: str, was: Course, would: Course) -> None:
    changes = {field: getattr(would, field) for field in _COURSE if getattr(was, field) != getattr(would, field)}
    old = turn.state.courses[name].tag
    if changes:
        turn.course(name, **changes)
    if "tag" in changes and old != would.tag:
        turn.because("tag_changed", pathway=name, row=would.row, detail={"from": old or "", "to": would.tag or ""})


def _services(turn: Turn, name: str, was: Course, would: Course) -> None:
    for service in list(dict.fromkeys((*was.services, *would.services))):
        one, other = was.services.get(service), would.services.get(service)
        if other is None:
            _drop(turn, name, service)
        elif one is None or _meaning(one) != _meaning(other):
            _move(turn, name, service, other)
        elif one.left != other.left and (live := turn.occurrence(name, service)) is not None:
            turn.set_occurrence(name, service, replace(live, left=other.left))  # the way back leads to another day


def _meaning(occurrence: Occurrence) -> tuple[object, ...]:
    agreed = occurrence.booked if occurrence.confirmed else None
    return occurrence.due, occurrence.last, occurrence.counted_from, occurrence.within, agreed


def _move(turn: Turn, pathway: str, service: str, would: Occurrence) -> None:
    """The service is due when it would be; where that has passed, soon."""
    live = turn.occurrence(pathway, service)
    due = would.due if would.due > turn.today else turn.today + timedelta(days=visits.OVERDUE_AT_ENROLMENT)
    agreed = would.booked if would.confirmed and would.booked is not None and would.booked >= turn.today else None
    if live is not None and live.due == due and agreed == (live.booked if live.confirmed else None):
        what = {
            "last": would.last,
            "counted_from": would.counted_from,
            "within": would.within,
            "row": would.row,
            "left": would.left,
        }
        turn.set_occurrence(pathway, service, replace(live, **what))  # type: ignore[arg-type]
        return
    if live is not None and live.booking is not None:
        turn.emit(ReleaseVisit(live.booking))
    kept = replace(
        would,
        n=turn.number(f"{pathway}.{service}"),
        due=due,
        earliest=min(max(would.earliest, turn.today + timedelta(days=1)), due) if due == would.due else turn.today,
        since=turn.now,
        booked=None,
        booking=None,
        confirmed=False,
        marks=(),
    )
    turn.set_occurrence(pathway, service, kept)
    if agreed is not None:
        _book_agreed(turn, pathway, service, kept, agreed)
    turn.close_tasks("known_late", kinds=(*visits.CHASING, service), pathway=pathway, service=service)
    was_due = live.due.isoformat() if live is not None else ""
    turn.because("due_moved", pathway=pathway, service=service, detail={"from": was_due, "to": due.isoformat()})


def _book_agreed(turn: Turn, pathway: str, service: str, kept: Occurrence, day: date) -> None:
    key = turn.key("visit")
    turn.set_occurrence(pathway, service, replace(kept, booked=day, booking=key, confirmed=True))
    turn.emit(BookVisit(key, pathway, service, day, day, turn.worst_tag))


def _drop(turn: Turn, pathway: str, service: str) -> None:
    """The service would not be on the plan."""
    live = turn.occurrence(pathway, service)
    if live is None:
        return
    if live.booking is not None:
        turn.emit(ReleaseVisit(live.booking))
    turn.course(pathway, services={name: one for name, one in turn.state.courses[pathway].services.items() if name != service})
    turn.close_tasks("known_late", service=service, pathway=pathway)
    turn.because("service_ended", pathway=pathway, service=service, detail={"why": "known_late"})


def _release_all(turn: Turn) -> None:
    for name, course in list(turn.state.courses.items()):
        for service, occurrence in course.services.items():
            if occurrence.booking is not None:
                turn.emit(ReleaseVisit(occurrence.booking))
                turn.set_occurrence(name, service, replace(occurrence, booking=None, booked=None))


def _readings(state: State, was: State, would: State) -> None:
    for name in dict.fromkeys((*was.readings, *would.readings)):
        if was.readings.get(name) == would.readings.get(name):
            continue
        if name in would.readings:
            state.readings[name] = would.readings[name]
        else:
            state.readings.pop(name, None)
