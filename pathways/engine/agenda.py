"""What lies ahead of one patient: every moment at which something is to be done, worked out from the state alone.

Rule 1: the agenda is a function of state and plan; nothing is scheduled anywhere else, so nothing can be left behind by an edit.
Rule 2: an item that was done leaves a mark in the state and does not come again.
Rule 3: for somebody who rests only the looking-after stays on it; for somebody who has left, nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from pathways.engine import (
    asking,
    calendar,
    contacts,
    life,
    marks,
    merging,
    new_numbers,
    refills,
    silence,
    useful,
    visits,
)
from pathways.engine.plan import Escalation, Pathway, Reminder, Service, TaskSpec
from pathways.engine.state import Occurrence, Supply
from pathways.engine.turn import Turn, times

STILL_DUE_EVERY = timedelta(days=30)


class Item(NamedTuple):
    """At ``at``, do ``act`` in the turn in which it comes: an item may have been worked out in an earlier one."""

    at: datetime
    act: Callable[[Turn], None]


_at = itemgetter(0)


def first(turn: Turn) -> Item | None:
    """What comes first; the one of before where nothing that the agenda rests on has changed."""
    state, courses = turn.state, turn.state.courses
    rests_on = (
        *(turn.plan, *courses, *courses.values(), *state.supplies.values(), *state.referrals.items()),
        *(state.life, state.life_since, state.life_until, state.life_checks, state.reach, state.reach_since, state.searches),
        *(state.waiting, state.new_numbers, state.person.timezone),
    )
    return turn.kept("first", rests_on, _first_of_all, turn)


def _first_of_all(turn: Turn) -> Item | None:
    return min(agenda(turn), key=_at, default=None)


def agenda(turn: Turn) -> Iterator[Item]:
    """Everything ahead that may come first, in no order."""
    state = turn.state
    if state.life == "active":
        yield from _each_service(turn)
        if state.supplies:
            yield from _supplies(turn)
        if state.waiting:
            yield from _messages(turn)
        yield from _search(turn)
    if state.life in ("active", "paused", "in_hospital"):
        if state.referrals:
            yield from (Item(*one) for one in silence.ahead(turn))
        yield from _rest(turn)
        if state.new_numbers:
            yield from (Item(*one) for one in new_numbers.ahead(turn))


def _each_service(turn: Turn) -> Iterator[Item]:
    """The first of each service: most steps leave most of them as they are, and then it is the one of before."""
    tag, reach, zone, rules, courses = turn.worst_tag, turn.state.reach, turn.timezone, turn.plan.contact, turn.state.courses
    for one in turn.kept("ahead", turn.dues, _stand_for_themselves, turn):
        course = courses[one.pathway.name]
        occurrence = course.services[one.service.name]
        begun_on = course.begun_on if one.service.kind == "follow_up" else None
        now = (one, tag, reach, zone, rules, begun_on, occurrence.day, occurrence.due, occurrence.since, occurrence.marks)
        first = turn.kept(one.name, now, _first_of_one, turn, one, occurrence, tag, begun_on)
        if first is not None:
            yield first


class _One(NamedTuple):
    """A service of which something may be on the agenda, and the marks of its reminders and escalations."""

    name: merging.Name
    pathway: Pathway
    service: Service
    is_led: bool
    reminded: tuple[str, ...]
    missed: tuple[str, ...]


def _stand_for_themselves(turn: Turn) -> list[_One]:
    """All services that are due one day, but for follow-ups that are done with another."""
    leaders, led = visits.visit_leaders(turn), merging.led(turn)
    found = []
    for pathway, service in turn.active_services("follow_up", "screening", "message"):
        name = (pathway.name, service.name)
        if turn.occurrence(*name) is not None and (service.kind != "follow_up" or name in leaders):
            made = turn.kept(("marks", name), (service,), marks.of_service, service)
            found.append(_One(name, pathway, service, name in led, *made))
    return found


def _first_of_one(turn: Turn, one: _One, occurrence: Occurrence, tag: str | None, begun_on: date | None) -> Item | None:
    """``begun_on``: the day of a visit of which only readings are missing."""
    if one.service.kind == "message":
        return Item(_contact(turn, occurrence.due), lambda turn: _send_service(turn, one.pathway, one.service))
    found: list[Item] = []
    if not one.is_led:
        found += _reminders(turn, one, occurrence, begun_on)
        missed = _staff(turn, occurrence.day)
        if all(item.at >= missed for item in found):  # nothing is missed before its day
            found += _escalations(turn, one, occurrence, tag, begun_on)
    if one.service.kind == "screening":
        found += _opening(turn, one, occurrence)
    return min(found, key=_at, default=None)


def _opening(turn: Turn, one: _One, occurrence: Occurrence) -> Iterator[Item]:
    """The task of a screening; one that is led by another has nothing else of its own."""
    if marks.OPENED not in occurrence.marks:
        day = occurrence.due - timedelta(days=one.service.opens)
        yield Item(_staff(turn, day), lambda turn: merging.open_together(turn, one.pathway, one.service))


def _reminders(turn: Turn, one: _One, occurrence: Occurrence, begun_on: date | None) -> Iterator[Item]:
    expected, made = occurrence.day, occurrence.marks
    for mark, reminder in zip(one.reminded, one.service.remind, strict=True):
        if made and (mark in made or marks.skipped(mark) in made):
            continue
        day = expected + timedelta(days=reminder.offset)
        at = useful.reminds_at(turn, expected, reminder.offset)
        if at < occurrence.since:  # the day before a quiet one has passed: on its own day, and it is said why not
            at = max(at, _contact(turn, day))
        came = begun_on is not None and day <= begun_on + visits.COMPLETES_WITHIN  # only readings are missing, not the patient
        if at >= occurrence.since and not came:
            yield Item(at, partial(_remind, one, mark, reminder, expected))


def _remind(one: _One, mark: str, reminder: Reminder, expected: date, turn: Turn) -> None:
    turn.mark(*one.name, mark)
    tag = turn.worst_tag
    later = chain((other.offset for other in one.service.remind), (other.after.on(tag) for other in one.service.if_missed))
    until = useful.of_reminder(turn, expected, reminder.offset, (other for other in later if other > reminder.offset))
    if turn.now >= until:
        template = {"template": reminder.send}
        turn.because("not_sent", pathway=one.pathway.name, service=one.service.name, held_back="too_late", detail=template)
        return
    contacts.say(turn, one.pathway.name, reminder.send, day=expected, until=until)


def _escalations(turn: Turn, one: _One, occurrence: Occurrence, tag: str | None, begun_on: date | None) -> Iterator[Item]:
    """The first that is still ahead; the others come after it, or again once the patient is found."""
    if turn.state.reach != "reachable":  # whoever is lost is searched for instead
        return
    made = tuple(mark for mark in occurrence.marks if not mark.startswith(marks.REMINDED))
    expected = occurrence.day
    # Who came, and of whom only readings are missing, is not chased until that has gone on for too long.
    missed_from = last = expected if begun_on is None else max(expected, begun_on + visits.COMPLETES_WITHIN)
    ahead: tuple[date, str, Escalation] | None = None
    for mark, escalation in zip(one.missed, one.service.if_missed, strict=True):
        done = times(made, mark) if made else 0
        day = missed_from + timedelta(days=escalation.after.on(tag))
        last = max(last, day)
        if done:
            if escalation.again is None:
                continue
            day += timedelta(days=max(1, escalation.again) * done)
        if ahead is None or day < ahead[0]:
            ahead = (day, mark, escalation)
    again = last + STILL_DUE_EVERY * (times(made, marks.STILL_DUE) + 1)
    if ahead is None or again < ahead[0]:
        yield Item(_staff(turn, again), partial(_still_due, one))
    else:
        yield Item(_staff(turn, ahead[0]), partial(_escalate, one, *ahead[1:], expected))


def _still_due(one: _One, turn: Turn) -> None:
    """All that the pathway says for a missed service was done, and it is still due: it comes back until it is done."""
    pathway, service = one.name
    turn.mark(pathway, service, marks.STILL_DUE)
    turn.because("still_due", pathway=pathway, service=service)
    turn.open_task(TaskSpec("overdue_service", one.service.by, 7), pathway=pathway, service=service)


def _escalate(one: _One, mark: str, escalation: Escalation, expected: date, turn: Turn) -> None:
    pathway, service = one.name
    told = (occurrence := turn.occurrence(pathway, service)) is not None and marks.skipped(mark) in occurrence.marks
    turn.mark(pathway, service, mark)
    turn.because("missed", pathway=pathway, service=service, detail={"day": expected.isoformat()})
    if escalation.open_task is not None:
        turn.open_task(escalation.open_task, pathway=pathway, service=service)
    if escalation.send is not None and told:
        turn.because("not_sent", pathway=pathway, service=service, held_back="told_already", detail={"template": escalation.send})
    elif escalation.send is not None:
        others = (expected + timedelta(days=other.after.on(turn.worst_tag)) for other in one.service.if_missed)
        until = useful.of_missed(turn, turn.today, others)
        contacts.say(turn, pathway, escalation.send, day=expected, until=until)
    if escalation.mark == "unreachable":
        life.lost(turn)


def _send_service(turn: Turn, pathway: Pathway, service: Service) -> None:
    if service.send is not None:
        contacts.say(turn, pathway.name, service.send)
    due = turn.today + timedelta(days=max(1, service.every.on(turn.worst_tag)))
    visits.plan_next(turn, pathway, service, due, last=turn.today, code="next_due", counted_from=turn.today)


def _supplies(turn: Turn) -> Iterator[Item]:
    """The first of all supplies, which most steps leave as they are."""
    state = turn.state
    rests_on = (turn.plan, *state.courses, turn.worst_tag, turn.timezone, *state.supplies.values())
    first = turn.kept("supplies", rests_on, _first_supply, turn)
    if first is not None:
        yield first


def _first_supply(turn: Turn) -> Item | None:
    return min(_each_supply(turn), key=_at, default=None)


def _each_supply(turn: Turn) -> Iterator[Item]:
    for supply in turn.state.supplies.values():
        found = asking.service_for(turn, supply.medicine)
        if found is None:
            continue
        pathway, service = found
        if not supply.stage:

            def ask(turn: Turn, pathway: Pathway = pathway, service: Service = service, supply: Supply = supply) -> None:
                asking.request(turn, pathway, service, supply)

            yield Item(_staff(turn, refills.request_on(service, supply)), ask)
        for index, mark in enumerate(marks.of_escalations(service.if_missed)):
            done, escalation = times(supply.marks, mark), service.if_missed[index]
            if done and escalation.again is None:
                continue
            day = supply.ends + timedelta(days=escalation.after.on(turn.worst_tag) + max(1, escalation.again or 1) * done)

            def chase(
                turn: Turn, pathway: Pathway = pathway, service: Service = service, supply: Supply = supply, index: int = index
            ) -> None:
                current = turn.state.supplies.get(supply.medicine, supply)
                refills.missed(turn, pathway, service, current, index)

            yield Item(_staff(turn, day), chase)


def _messages(turn: Turn) -> Iterator[Item]:
    for waiting in contacts.due(turn):
        yield Item(waiting.at, lambda turn, w=waiting: contacts.release(turn, w))  # type: ignore[misc]


def _search(turn: Turn) -> Iterator[Item]:
    state = turn.state
    if state.reach == "unreachable" and state.reach_since is not None:
        since = calendar.local_day(state.reach_since, turn.timezone)
        day = since + timedelta(days=turn.plan.search_again * max(1, state.searches))
        yield Item(_staff(turn, day), life.search)


def _rest(turn: Turn) -> Iterator[Item]:
    state = turn.state
    if state.life == "active" or state.life_since is None:
        return
    if state.life_until is not None:
        yield Item(_staff(turn, state.life_until), lambda turn: life.back(turn, "paused"))
    yield Item(state.life_since + life.REST_CHECKED_EVERY * (state.life_checks + 1), life.check_on)


def _staff(turn: Turn, day: date) -> datetime:
    return calendar.staff_moment(day, turn.timezone)


def _contact(turn: Turn, day: date) -> datetime:
    return calendar.contact_moment(turn.state.patient, day, turn.timezone, turn.plan.contact)
