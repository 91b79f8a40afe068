"""What lies ahead of one patient: every moment at which something is to be done, worked out from the state alone.

Rule 1: the agenda is a function of state and plan; nothing is scheduled anywhere else, so nothing can be left behind by an edit.
Rule 2: an item that was done leaves a mark in the state and does not come again.
Rule 3: for somebody who rests only the looking-after stays on it; for somebody who has left, nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from pathways.engine import calendar, contacts, life, referrals, refills, visits
from pathways.engine.plan import Escalation, Pathway, Reminder, Service, TaskSpec
from pathways.engine.state import Occurrence, Referral, Supply
from pathways.engine.turn import Turn, times

STILL_DUE_EVERY = timedelta(days=30)
LATE_REMINDER = timedelta(days=3)  # a text about a missed day is of no use later


class Item(NamedTuple):
    """At ``at``, do ``act``."""

    at: datetime
    act: Callable[[], None]


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
    leaders = visits.visit_leaders(turn)
    tag, reach, zone = turn.worst_tag, turn.state.reach, turn.timezone
    for pathway, service in turn.active_services("follow_up", "screening", "message"):
        name = (pathway.name, service.name)
        occurrence = turn.occurrence(*name)
        if occurrence is None or (service.kind == "follow_up" and name not in leaders):
            continue
        rests_on = (occurrence, tag, reach, zone, turn.state.courses[pathway.name].begun_on)
        known = turn.known_ahead.get(name)  # within one turn most services stay as they are
        if known is None or known[0][0] is not occurrence or known[0][1:] != rests_on[1:]:
            first = min(_of_service(turn, pathway, service, occurrence, tag), key=_at, default=None)
            turn.known_ahead[name] = known = (rests_on, first)
        if known[1] is not None:
            yield known[1]


def _at(item: Item) -> datetime:
    return item.at


def _of_service(turn: Turn, pathway: Pathway, service: Service, occurrence: Occurrence, tag: str | None) -> Iterator[Item]:
    if service.kind == "message":
        yield Item(_contact(turn, occurrence.due), lambda: _send_service(turn, pathway, service))
        return
    yield from _reminders(turn, pathway, service, occurrence)
    yield from _escalations(turn, pathway, service, occurrence, tag)
    if service.kind == "screening" and "opened" not in occurrence.marks:
        day = occurrence.due - timedelta(days=service.opens)
        yield Item(_staff(turn, day), lambda: _open_screening(turn, pathway, service))


def _reminders(turn: Turn, pathway: Pathway, service: Service, occurrence: Occurrence) -> Iterator[Item]:
    begun_on = turn.state.courses[pathway.name].begun_on if service.kind == "follow_up" else None
    for index, reminder in enumerate(service.remind):
        mark = f"remind{index}"
        if mark in occurrence.marks:
            continue
        day = occurrence.day + timedelta(days=reminder.offset)
        at = _contact(turn, day)
        came = begun_on is not None and day <= begun_on + visits.COMPLETES_WITHIN  # only readings are missing, not the patient
        if at < occurrence.since or came:
            continue

        def act(mark: str = mark, reminder: Reminder = reminder, day: date = day) -> None:
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
    marks = occurrence.marks
    missed_from = last = _not_while_readings_are_awaited(turn, pathway, service, occurrence.day)
    ahead: tuple[date, str, Escalation] | None = None
    for index, escalation in enumerate(service.if_missed):
        mark = f"missed{index}"
        done = times(marks, mark) if marks else 0
        day = missed_from + timedelta(days=escalation.after.on(tag))
        last = max(last, day)
        if done and escalation.again is None:
            continue
        day += timedelta(days=max(1, escalation.again or 1) * done)
        if ahead is None or day < ahead[0]:
            ahead = (day, mark, escalation)
    again = last + STILL_DUE_EVERY * (times(marks, "still_due") + 1)
    if ahead is None or again < ahead[0]:
        yield Item(_staff(turn, again), lambda: _still_due(turn, pathway, service))
        return
    day, mark, escalation = ahead

    def act() -> None:
        turn.mark(pathway.name, service.name, mark)
        _escalate(turn, pathway, service, occurrence, escalation)

    yield Item(_staff(turn, day), act)


def _not_while_readings_are_awaited(turn: Turn, pathway: Pathway, service: Service, day: date) -> date:
    """The patient came, and only readings are missing: nobody chases them until that has gone on for too long."""
    begun_on = turn.state.courses[pathway.name].begun_on
    return day if begun_on is None or service.kind != "follow_up" else max(day, begun_on + visits.COMPLETES_WITHIN)


def _still_due(turn: Turn, pathway: Pathway, service: Service) -> None:
    """All that the pathway says for a missed service was done, and it is still due: it comes back until it is done."""
    turn.mark(pathway.name, service.name, "still_due")
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


def _open_screening(turn: Turn, pathway: Pathway, service: Service) -> None:
    occurrence = turn.occurrence(pathway.name, service.name)
    turn.mark(pathway.name, service.name, "opened")
    due = occurrence.due if occurrence else turn.today
    spec = TaskSpec(service.name, service.by, 0)
    turn.open_task(spec, service=service.name, pathway=pathway.name, due=due, collects=service.collects)


def _send_service(turn: Turn, pathway: Pathway, service: Service) -> None:
    if service.send is not None:
        contacts.say(turn, pathway.name, service.send)
    due = turn.today + timedelta(days=max(1, service.every.on(turn.worst_tag)))
    visits.plan_next(turn, pathway, service, due, last=turn.today, code="next_due")


def _supplies(turn: Turn) -> Iterator[Item]:
    for supply in turn.state.supplies.values():
        found = refills.service_for(turn, supply.medicine)
        if found is None:
            continue
        pathway, service = found
        if not supply.stage:

            def ask(pathway: Pathway = pathway, service: Service = service, supply: Supply = supply) -> None:
                refills.request(turn, pathway, service, supply)

            yield Item(_staff(turn, refills.request_on(service, supply)), ask)
        for index, escalation in enumerate(service.if_missed):
            done = times(supply.marks, f"missed{index}")
            if done and escalation.again is None:
                continue
            day = supply.ends + timedelta(days=escalation.after.on(turn.worst_tag) + max(1, escalation.again or 1) * done)

            def chase(pathway: Pathway = pathway, service: Service = service, supply: Supply = supply, index: int = index) -> None:
                current = turn.state.supplies.get(supply.medicine, supply)
                refills.missed(turn, pathway, service, current, index)

            yield Item(_staff(turn, day), chase)


def _messages(turn: Turn) -> Iterator[Item]:
    for waiting in contacts.due(turn):
        yield Item(waiting.at, lambda w=waiting: contacts.release(turn, w))  # type: ignore[misc]


def _referrals(turn: Turn) -> Iterator[Item]:
    for key, referral in turn.state.referrals.items():
        if referral.stage == "to_confirm":
            at = referral.confirm_by or referral.asked
            yield Item(at, lambda k=key: referrals.unanswered_confirmation(turn, k))  # type: ignore[misc]
            continue
        silent_at = referrals.silent_at(turn, referral)
        if silent_at is not None and "silent" not in referral.marks:
            yield Item(silent_at, lambda k=key: referrals.silent(turn, k))  # type: ignore[misc]
        yield from _check_back(turn, key, referral)


def _check_back(turn: Turn, key: str, referral: Referral) -> Iterator[Item]:
    if f"check{referral.checked}" not in referral.marks:
        day = referrals.check_opens(turn, referral)
        yield Item(_staff(turn, day), lambda: referrals.check_back(turn, key))


def _search(turn: Turn) -> Iterator[Item]:
    state = turn.state
    if state.reach == "unreachable" and state.reach_since is not None:
        since = calendar.local_day(state.reach_since, turn.timezone)
        day = since + timedelta(days=turn.plan.search_again * max(1, state.searches))
        yield Item(_staff(turn, day), lambda: life.search(turn))


def _rest(turn: Turn) -> Iterator[Item]:
    state = turn.state
    if state.life == "active" or state.life_since is None:
        return
    if state.life_until is not None:
        yield Item(_staff(turn, state.life_until), lambda: life.back(turn, "paused"))
    yield Item(state.life_since + life.REST_CHECKED_EVERY * (state.life_checks + 1), lambda: life.check_on(turn))


def _staff(turn: Turn, day: date) -> datetime:
    return calendar.staff_moment(day, turn.timezone)


def _contact(turn: Turn, day: date) -> datetime:
    return calendar.contact_moment(turn.state.patient, day, turn.timezone, turn.plan.contact)
