"""What lies ahead of one patient: every moment at which something is to be done, worked out from the state alone.

Rule 1: the agenda is a function of state and plan; nothing is scheduled anywhere else, so nothing can be left behind by an edit.
Rule 2: an item that was done leaves a mark in the state and does not come again.
Rule 3: for somebody who rests only the looking-after stays on it; for somebody who has left, nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from typing import NamedTuple

from pathways.engine import calendar, contacts, life, marks, merging, referrals, refills, visits
from pathways.engine.plan import Escalation, Pathway, Reminder, Service, TaskSpec
from pathways.engine.state import Occurrence, Referral, Supply
from pathways.engine.turn import Turn, times

STILL_DUE_EVERY = timedelta(days=30)
LATE_REMINDER = timedelta(days=3)  # a text about a missed day is of no use later


class Item(NamedTuple):
    """At ``at``, do ``act`` in the turn in which it comes: an item may have been worked out in an earlier one."""

    at: datetime
    act: Callable[[Turn], None]


def first(turn: Turn) -> Item | None:
    """What comes first; the one of before where nothing that the agenda rests on has changed."""
    state = turn.state
    life = (state.life, state.life_since, state.life_until, state.life_checks, state.reach, state.reach_since, state.searches)
    things = (*turn.followed, *state.courses.values(), *state.supplies.values(), *state.referrals, *state.referrals.values())
    rests_on = (*life, state.waiting, turn.timezone, *things)
    return turn.kept("first", rests_on, partial(_first, partial(agenda, turn)))


def agenda(turn: Turn) -> Iterator[Item]:
    """Everything ahead, in no order."""
    state = turn.state
    if state.life == "active":
        yield from _services(turn)
        yield from _supplies(turn)
        yield from _messages(turn)
        yield from _search(turn)
    if state.life in ("active", "paused", "in_hospital"):
        yield from _referrals(turn)
        yield from _rest(turn)


def _services(turn: Turn) -> Iterator[Item]:
    """The first of all services: most steps leave them as they are, and then it is the one of before."""
    state = turn.state
    rests_on = (*state.courses.values(), *turn.followed, state.reach, turn.timezone)
    first = turn.kept("services", rests_on, partial(_first, partial(_each_service, turn)))
    if first is not None:
        yield first


def _each_service(turn: Turn) -> Iterator[Item]:
    leaders, led = visits.visit_leaders(turn), merging.led(turn)
    tag, reach, zone = turn.worst_tag, turn.state.reach, turn.timezone
    for pathway, service in turn.active_services("follow_up", "screening", "message"):
        name = (pathway.name, service.name)
        occurrence = turn.occurrence(*name)
        if occurrence is None or (service.kind == "follow_up" and name not in leaders):
            continue
        rests_on = (occurrence, service, tag, reach, zone, turn.state.courses[pathway.name].begun_on, name in led)
        all_of_it = _opening if name in led else _of_service
        items = partial(all_of_it, turn, pathway, service, occurrence, tag)
        first = turn.kept(name, rests_on, partial(_first, items))
        if first is not None:
            yield first


def _first(items: Callable[[], Iterator[Item]]) -> Item | None:
    return min(items(), key=_at, default=None)


def _at(item: Item) -> datetime:
    return item.at


def _of_service(turn: Turn, pathway: Pathway, service: Service, occurrence: Occurrence, tag: str | None) -> Iterator[Item]:
    if service.kind == "message":
        yield Item(_contact(turn, occurrence.due), lambda turn: _send_service(turn, pathway, service))
        return
    yield from _reminders(turn, pathway, service, occurrence)
    yield from _escalations(turn, pathway, service, occurrence, tag)
    if service.kind == "screening":
        yield from _opening(turn, pathway, service, occurrence, tag)


def _opening(turn: Turn, pathway: Pathway, service: Service, occurrence: Occurrence, tag: str | None) -> Iterator[Item]:
    """The task of a screening; one that is led by another has nothing else of its own."""
    if marks.OPENED not in occurrence.marks:
        day = occurrence.due - timedelta(days=service.opens)
        yield Item(_staff(turn, day), lambda turn: merging.open_together(turn, pathway, service))


def _reminders(turn: Turn, pathway: Pathway, service: Service, occurrence: Occurrence) -> Iterator[Item]:
    begun_on = turn.state.courses[pathway.name].begun_on if service.kind == "follow_up" else None
    for reminder in service.remind:
        mark = marks.of_reminder(reminder)
        if mark in occurrence.marks or marks.skipped(mark) in occurrence.marks:
            continue
        day = occurrence.day + timedelta(days=reminder.offset)
        at = _contact(turn, day)
        came = begun_on is not None and day <= begun_on + visits.COMPLETES_WITHIN  # only readings are missing, not the patient
        if at < occurrence.since or came:
            continue

        def act(turn: Turn, mark: str = mark, reminder: Reminder = reminder, day: date = day) -> None:
            turn.mark(pathway.name, service.name, mark)
            last_day = occurrence.day if reminder.offset <= 0 else day + LATE_REMINDER
            if turn.today > last_day:
                template = {"template": reminder.send}
                turn.because("not_sent", pathway=pathway.name, service=service.name, held_back="too_late", detail=template)
                return
            contacts.say(turn, pathway.name, reminder.send, day=occurrence.day)

        yield Item(at, act)


def _escalations(turn: Turn, pathway: Pathway, service: Service, occurrence: Occurrence, tag: str | None) -> Iterator[Item]:
    """The first that is still ahead; the others come after it, or again once the patient is found."""
    if turn.state.reach != "reachable":  # whoever is lost is searched for instead
        return
    made = occurrence.marks
    missed_from = last = _not_while_readings_are_awaited(turn, pathway, service, occurrence.day)
    ahead: tuple[date, str, Escalation] | None = None
    for mark, escalation in zip(marks.of_escalations(service.if_missed), service.if_missed, strict=True):
        done = times(made, mark) if made else 0
        day = missed_from + timedelta(days=escalation.after.on(tag))
        last = max(last, day)
        if done and escalation.again is None:
            continue
        day += timedelta(days=max(1, escalation.again or 1) * done)
        if ahead is None or day < ahead[0]:
            ahead = (day, mark, escalation)
    again = last + STILL_DUE_EVERY * (times(made, marks.STILL_DUE) + 1)
    if ahead is None or again < ahead[0]:
        yield Item(_staff(turn, again), lambda turn: _still_due(turn, pathway, service))
        return
    day, mark, escalation = ahead

    def act(turn: Turn) -> None:
        turn.mark(pathway.name, service.name, mark)
        _escalate(turn, pathway, service, occurrence, escalation)

    yield Item(_staff(turn, day), act)


def _not_while_readings_are_awaited(turn: Turn, pathway: Pathway, service: Service, day: date) -> date:
    """The patient came, and only readings are missing: nobody chases them until that has gone on for too long."""
    begun_on = turn.state.courses[pathway.name].begun_on
    return day if begun_on is None or service.kind != "follow_up" else max(day, begun_on + visits.COMPLETES_WITHIN)


def _still_due(turn: Turn, pathway: Pathway, service: Service) -> None:
    """All that the pathway says for a missed service was done, and it is still due: it comes back until it is done."""
    turn.mark(pathway.name, service.name, marks.STILL_DUE)
    turn.because("still_due", pathway=pathway.name, service=service.name)
    turn.open_task(TaskSpec("overdue_service", service.by, 7), pathway=pathway.name, service=service.name)


def _escalate(turn: Turn, pathway: Pathway, service: Service, occurrence: Occurrence, escalation: Escalation) -> None:
    turn.because("missed", pathway=pathway.name, service=service.name, detail={"day": occurrence.day.isoformat()})
    if escalation.open_task is not None:
        turn.open_task(escalation.open_task, pathway=pathway.name, service=service.name)
    if escalation.send is not None:
        contacts.say(turn, pathway.name, escalation.send, day=occurrence.day)
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
    if not state.supplies:
        return
    rests_on = (*state.supplies.values(), *turn.followed, turn.worst_tag, turn.timezone)
    first = turn.kept("supplies", rests_on, partial(_first, partial(_each_supply, turn)))
    if first is not None:
        yield first


def _each_supply(turn: Turn) -> Iterator[Item]:
    for supply in turn.state.supplies.values():
        found = refills.service_for(turn, supply.medicine)
        if found is None:
            continue
        pathway, service = found
        if not supply.stage:

            def ask(turn: Turn, pathway: Pathway = pathway, service: Service = service, supply: Supply = supply) -> None:
                refills.request(turn, pathway, service, supply)

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


def _referrals(turn: Turn) -> Iterator[Item]:
    for key, referral in turn.state.referrals.items():
        if referral.stage == "to_confirm":
            at = referral.confirm_by or referral.asked
            yield Item(at, lambda turn, k=key: referrals.unanswered_confirmation(turn, k))  # type: ignore[misc]
            continue
        silent_at = referrals.silent_at(turn, referral)
        if silent_at is not None and "silent" not in referral.marks:
            yield Item(silent_at, lambda turn, k=key: referrals.silent(turn, k))  # type: ignore[misc]
        yield from _check_back(turn, key, referral)


def _check_back(turn: Turn, key: str, referral: Referral) -> Iterator[Item]:
    if f"check{referral.checked}" not in referral.marks:
        day = referrals.check_opens(turn, referral)
        yield Item(_staff(turn, day), lambda turn: referrals.check_back(turn, key))


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
