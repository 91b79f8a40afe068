"""Follow-up visits and screenings: when they are due, and which day is booked or agreed.

Rule 1: a service that is due stays due until it is done; being chased, paused or lost never completes it.
Rule 2: one visit serves every pathway; follow-ups that lie close together have one day.
Rule 3: a day agreed with the patient comes before any that we chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from pathways.engine import marks
from pathways.engine.commands import BookVisit, ReleaseVisit
from pathways.engine.decisions import ask, known, latest, put_down
from pathways.engine.events import Known, Readings
from pathways.engine.plan import Pathway, Service
from pathways.engine.state import Occurrence, changed
from pathways.engine.turn import Turn

CHASING = ("phone_call", "home_visit", "search", "phone_reminder", "overdue_service", "find_another_day")
OVERDUE_AT_ENROLMENT = 7  # days given to somebody who joins with a visit overdue
COMPLETES_WITHIN = timedelta(days=14)  # how long readings that come later still complete a visit
AGREED_AT_MOST = timedelta(days=30)  # past its due day; a later one is a slip of the pen, or a reason to talk again


def begin(turn: Turn, pathway: Pathway, *, last_visit: date | None, done: Mapping[str, date], tag: str | None) -> None:
    """Lay out the first occurrence of every service of a pathway that has none, by what is known of the past."""
    for service in pathway.services.values():
        if turn.occurrence(pathway.name, service.name) is not None:
            continue
        if service.kind == "follow_up":
            _begin_follow_up(turn, pathway, service, _past(turn, last_visit), tag)
        elif service.kind in ("screening", "message") and is_for(turn, pathway, service):
            last = _past(turn, done.get(service.name))
            due = last + timedelta(days=service.every.on(turn.worst_tag)) if last else turn.today + timedelta(days=service.first)
            if due <= turn.today:
                due = turn.today + timedelta(days=max(1, service.first))
            plan_next(turn, pathway, service, due, last=last, code="first_due", counted_from=last)


def _past(turn: Turn, day: date | None) -> date | None:
    """A day in the future is no past visit: taken at its word, it would put the next one off for as long."""
    return None if day is None else min(day, turn.today)


def _begin_follow_up(turn: Turn, pathway: Pathway, service: Service, last_visit: date | None, tag: str | None) -> None:
    within = None
    if service.at_enrolment is not None:
        fresh = turn.today - timedelta(days=service.fresh)
        recent = {name: reading.value for name, reading in turn.state.readings.items() if reading.on >= fresh}
        answer = ask(turn, pathway, service.at_enrolment, recent, turn.today)
        if answer.decision is not None and answer.row is not None:
            within = answer.decision.within
            turn.course(pathway.name, tag=tag or answer.decision.tag, row=answer.row.id)
            put_down(turn, "tag_at_enrolment", pathway, service, answer)
    if tag is not None and tag in pathway.tags:
        turn.course(pathway.name, tag=tag)
        turn.because("tag_given_at_enrolment", pathway=pathway.name, service=service.name, detail={"tag": tag})
    interval = service.every.on(turn.worst_tag)
    interval = interval if within is None else min(within, interval)
    if last_visit is None:
        due = turn.today + timedelta(days=min(service.first, interval))
    else:
        due = last_visit + timedelta(days=interval)
        if due <= turn.today:
            due = turn.today + timedelta(days=OVERDUE_AT_ENROLMENT)
    plan_next(turn, pathway, service, due, last=last_visit, code="first_due", counted_from=last_visit, within=within)


def is_for(turn: Turn, pathway: Pathway, service: Service) -> bool:
    """Whether the service's own condition lets this person have it; what cannot be told counts as for them."""
    return service.when is None or service.when.holds(known(turn, pathway, latest(turn), turn.today)) is not False


def revise(turn: Turn) -> None:
    """The person or the pathway has changed: services that are now for them begin, others end."""
    for name, course in list(turn.state.courses.items()):
        pathway = turn.pathway(name)
        if pathway is None:
            continue
        for service_name in course.services:
            service = pathway.services.get(service_name)
            if service is None or (service.kind != "follow_up" and not is_for(turn, pathway, service)):
                _drop(turn, name, service_name, "not_for_this_person" if service else "left_pathway")
        begin(turn, pathway, last_visit=_last_visit(turn), done={}, tag=course.tag)


def _drop(turn: Turn, pathway: str, service: str, why: str) -> None:
    services = dict(turn.state.courses[pathway].services)
    occurrence = services.pop(service)
    if occurrence.booking is not None:
        turn.emit(ReleaseVisit(occurrence.booking))
    turn.course(pathway, services=services)
    turn.close_tasks(why, service=service, pathway=pathway)
    turn.because("service_ended", pathway=pathway, service=service, detail={"why": why})


def _last_visit(turn: Turn) -> date | None:
    lasts = (turn.occurrence(p.name, s.name) for p, s in turn.active_services("follow_up"))
    return max((o.last for o in lasts if o is not None and o.last is not None), default=None)


def plan_next(
    turn: Turn,
    pathway: Pathway,
    service: Service,
    due: date,
    *,
    last: date | None,
    code: str,
    counted_from: date | None = None,
    within: int | None = None,
    row: str = "",
) -> None:
    """Lay out the next occurrence; the booked day of the one before is given back.

    ``counted_from``: the day from which the rhythm was counted, ``within``: the number of days from then that ``row`` gives;
    without either, ``due`` stands for so many days from today.
    """
    if counted_from is None:
        counted_from, within, row = turn.today, (due - turn.today).days, ""
    before = turn.occurrence(pathway.name, service.name)
    if before is not None and before.booking is not None:
        turn.emit(ReleaseVisit(before.booking))
    n = turn.number(f"{pathway.name}.{service.name}")
    occurrence = Occurrence(
        n=n,
        due=due,
        earliest=earliest(turn, service, due, last),
        since=turn.now,
        last=last,
        counted_from=counted_from,
        within=within,
        row=row,
    )
    turn.set_occurrence(pathway.name, service.name, occurrence)
    turn.because(code, pathway=pathway.name, service=service.name, detail={"due": due.isoformat()})


def earliest(turn: Turn, service: Service, due: date, last: date | None) -> date:
    """The first day that may be booked. A first visit, or one that is late already, has no rhythm to keep: any day will do."""
    tomorrow = turn.today + timedelta(days=1)
    in_rhythm = last is not None and due <= last + timedelta(days=service.every.on(turn.worst_tag))
    if service.kind == "follow_up" and not in_rhythm:
        return min(tomorrow, due)
    return min(max(tomorrow, due - timedelta(days=service.early.on(turn.worst_tag))), due)


def book_where_needed(turn: Turn) -> None:
    """Ask for a day for the next visit: one day for all pathways whose follow-ups lie close together."""
    # Where nothing has changed since all was booked, nothing is to be booked: a day that is due later only comes nearer.
    if turn.known_ahead.get("booked") != _bookings(turn):
        _book_where_needed(turn)
        turn.known_ahead["booked"] = _bookings(turn)


def _bookings(turn: Turn) -> tuple[object, ...]:
    """What was asked for which due day."""
    courses = turn.state.courses
    asked = [what for course in courses.values() for name, one in course.services.items() for what in (name, one.due, one.booking)]
    return turn.plan, turn.timezone, *courses, *asked


def _book_where_needed(turn: Turn) -> None:
    leaders = visit_leaders(turn)
    for pathway, service in turn.active_services("follow_up"):
        occurrence = turn.occurrence(pathway.name, service.name)
        if occurrence is None:
            continue
        leads = (pathway.name, service.name) in leaders
        if leads and occurrence.booking is None and occurrence.due > turn.today:
            key = turn.key("visit")
            turn.set_occurrence(pathway.name, service.name, changed(occurrence, booking=key))
            turn.emit(
                BookVisit(
                    key,
                    pathway.name,
                    service.name,
                    max(occurrence.earliest, turn.today),
                    occurrence.due,
                    turn.worst_tag,
                    turn.comes_first,
                )
            )
        elif not leads and occurrence.booking is not None:
            turn.emit(ReleaseVisit(occurrence.booking))
            turn.set_occurrence(pathway.name, service.name, changed(occurrence, booking=None, booked=None))


def visit_leaders(turn: Turn) -> set[tuple[str, str]]:
    """The follow-ups that stand for a visit of their own; the others are done with the one they lie close to."""
    return turn.kept("leaders", turn.dues, _visit_leaders, turn)


def _visit_leaders(turn: Turn) -> set[tuple[str, str]]:
    dues = sorted(
        (occurrence.due, index, pathway.name, service.name)
        for index, (pathway, service) in enumerate(turn.active_services("follow_up"))
        if (occurrence := turn.occurrence(pathway.name, service.name)) is not None
    )
    leaders: set[tuple[str, str]] = set()
    led_until: date | None = None
    for due, _, pathway_name, service_name in dues:
        if led_until is None or due > led_until:
            leaders.add((pathway_name, service_name))
            led_until = due + timedelta(days=turn.plan.merge_visits_within)
    return leaders


def next_visit(turn: Turn) -> tuple[str, str, Occurrence] | None:
    """The visit that comes first, by the day the patient is expected."""
    ahead = [
        (occurrence.day, pathway, service, occurrence)
        for pathway, service in visit_leaders(turn)
        if (occurrence := turn.occurrence(pathway, service)) is not None
    ]
    return min(ahead, key=lambda visit: visit[:3])[1:] if ahead else None


def booked(turn: Turn, booking: str, day: date) -> None:
    """Records found a day."""
    for pathway, service in turn.active_services("follow_up"):
        occurrence = turn.occurrence(pathway.name, service.name)
        if occurrence is None or occurrence.booking != booking:
            continue
        if occurrence.confirmed and occurrence.booked is not None:
            turn.because("visit_booked", pathway=pathway.name, service=service.name, key=booking, held_back="day_agreed")
        elif not turn.today <= day <= occurrence.due:
            turn.because("visit_booked", pathway=pathway.name, service=service.name, key=booking, held_back="day_out_of_range")
        else:
            turn.set_occurrence(pathway.name, service.name, changed(occurrence, booked=day))
            turn.because("visit_booked", pathway=pathway.name, service=service.name, key=booking, detail={"day": day.isoformat()})
        return
    turn.because("too_late", key=booking, held_back="visit_closed")


def agreed(turn: Turn, day: date) -> None:
    """A day agreed with the patient: room is asked for on that day, and the patient is reminded of it anew."""
    found = next_visit(turn)
    if found is None:
        return
    pathway, service, occurrence = found
    if not turn.today <= day <= max(occurrence.due, turn.today) + AGREED_AT_MOST:
        turn.because("day_agreed", pathway=pathway, service=service, held_back="day_out_of_range", detail={"day": day.isoformat()})
        return
    if occurrence.booking is not None:
        turn.emit(ReleaseVisit(occurrence.booking))
    key = turn.key("visit")
    made = tuple(mark for mark in occurrence.marks if not mark.startswith((marks.REMINDED, marks.SKIPPED)))
    kept = changed(occurrence, booked=day, booking=key, confirmed=True, since=turn.now, marks=made)
    turn.set_occurrence(pathway, service, kept)
    turn.emit(BookVisit(key, pathway, service, day, day, turn.worst_tag, turn.comes_first))
    turn.close_tasks("day_agreed", kinds=("find_another_day",))
    turn.because("day_agreed", pathway=pathway, service=service, key=key, detail={"day": day.isoformat()})


def remember(turn: Turn, readings: Readings, on: date) -> None:
    """Keep the newest value of each reading; an older one that comes late does not replace it."""
    for name, value in readings.items():
        before = turn.state.readings.get(name)
        if before is None or before.on <= on:
            turn.state.readings[name] = Known(value, on)
