"""What is learnt at a visit, from a laboratory or from home: the tables decide, and the next day is laid out.

Rule 1: one visit serves every pathway; the worst tag over all pathways sets the rhythm.
Rule 2: a visit whose deciding readings are missing moves neither tag nor due day, and asks for them.
Rule 3: what is older than the last visit is remembered, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from pathways.engine import contradictions, merging, visits
from pathways.engine.assess import Answer, assess, yes_no_values
from pathways.engine.decisions import ask, ask_of_home, carry_out, known, latest, put_down
from pathways.engine.events import Readings
from pathways.engine.plan import Decision, Pathway, Service
from pathways.engine.state import changed
from pathways.engine.turn import Turn

Decided = list[tuple[Pathway, Service, Answer]]


def completed(turn: Turn, readings: Readings, on: date, done: tuple[str, ...]) -> None:
    """A visit took place: every pathway's table decides, then the worst tag sets everybody's rhythm."""
    turn.close_tasks("visited", kinds=visits.CHASING)
    decided: Decided = []
    for pathway, service in turn.active_services("follow_up"):
        before = turn.occurrence(pathway.name, service.name)
        if before is not None and before.last is not None and on < before.last:
            turn.because("visit_noted", pathway=pathway.name, service=service.name, held_back="older_than_last_visit")
            continue
        course = turn.state.courses[pathway.name]
        begun = course.begun if course.begun_on == on else {}
        _decide(turn, pathway, service, {**begun, **readings}, on, decided)
    _plan_all(turn, decided, on)
    for name in done:
        screened(turn, name, readings, on)


def completed_later(turn: Turn, readings: Readings, on: date) -> None:
    """Readings that a visit lacked have come: only the pathways that waited for them decide."""
    decided: dict[date, Decided] = {}
    for pathway, service in turn.active_services("follow_up"):
        course = turn.state.courses[pathway.name]
        if course.begun_on is not None and course.begun_on <= on <= course.begun_on + visits.COMPLETES_WITHIN:
            of_day = decided.setdefault(course.begun_on, [])
            _decide(turn, pathway, service, {**course.begun, **readings}, course.begun_on, of_day)
    for day, of_day in decided.items():
        _plan_all(turn, of_day, day)


def _plan_all(turn: Turn, decided: Decided, on: date) -> None:
    for pathway, service, answer in decided:
        interval = _shorter(service, answer.decision, turn.worst_tag)
        due = max(on + timedelta(days=interval), turn.today + timedelta(days=1))
        within, row = (answer.decision.within if answer.decision else None), (answer.row.id if answer.row else "")
        visits.plan_next(turn, pathway, service, due, last=on, code="next_due", counted_from=on, within=within, row=row)
    if decided:
        contradictions.say_who_sets_the_rhythm(turn)
        advice = {(pathway.name, service.name): answer.decision.advise for pathway, service, answer in decided if answer.decision}
        contradictions.take_advice(turn, advice)


def _shorter(service: Service, decision: Decision | None, tag: str | None) -> int:
    """Days to the next time: the tag's rhythm or the row's own, whichever is shorter."""
    rhythm = service.every.on(tag)
    return rhythm if decision is None or decision.within is None else min(decision.within, rhythm)


def _decide(turn: Turn, pathway: Pathway, service: Service, readings: Readings, on: date, decided: Decided) -> None:
    """Let the service's table decide and do what it says; ``decided`` grows unless it could not tell."""
    if service.decide is None:
        decided.append((pathway, service, Answer(None, None, {})))
        return
    course = turn.state.courses[pathway.name]
    # Recorded again on its own day, a visit is not "the second one running": it looks back to the one before.
    preceding: Mapping[str, bool] = course.preceding if course.decided_on == on else course.previous
    facts = known(turn, pathway, readings, on, changed(course, previous=preceding))
    answer = assess(pathway, pathway.tables[service.decide], facts)
    if answer.row is None or answer.decision is None or answer.row.incomplete:
        if course.decided_on == on:
            turn.because(
                "visit_noted", pathway=pathway.name, service=service.name, held_back="already_decided", missing=answer.missing
            )
            return
        turn.course(pathway.name, begun=dict(readings), begun_on=on)
        put_down(turn, "readings_missing", pathway, service, answer)
        _carry_out_besides(turn, pathway, service, answer)
        return
    turn.close_tasks("readings_came", kinds=("complete_readings",), service=service.name, pathway=pathway.name)
    turn.course(
        pathway.name,
        row=answer.row.id,
        preceding=preceding,
        previous=yes_no_values(pathway, facts),
        decided_on=on,
        begun={},
        begun_on=None,
    )
    put_down(turn, "decided", pathway, service, answer)
    _retag(turn, pathway, answer)
    carry_out(turn, pathway, service, answer)
    decided.append((pathway, service, answer))


def _carry_out_besides(turn: Turn, pathway: Pathway, service: Service, answer: Answer) -> None:
    """Where it is no follow-up that has decided: its advice is taken with the rest, never passed over."""
    carry_out(turn, pathway, service, answer)
    if answer.decision is not None:
        contradictions.take_advice_besides(turn, pathway.name, service.name, answer.decision.advise)


def _retag(turn: Turn, pathway: Pathway, answer: Answer) -> None:
    old = turn.state.courses[pathway.name].tag
    new = answer.decision.tag if answer.decision else None
    if new is None or new == old:
        return
    turn.course(pathway.name, tag=new)
    turn.because(
        "tag_changed", pathway=pathway.name, row=answer.row.id if answer.row else "", detail={"from": old or "", "to": new}
    )


def informed(turn: Turn, readings: Readings, on: date) -> set[str]:
    """Readings from home inform: a table of their own may alert or open a task; tag and rhythm move only where it names a tag.

    Answers which of them some pathway of the patient looked at.
    """
    looked_at: set[str] = set()
    for name in list(turn.state.courses):
        pathway = turn.pathway(name)
        if pathway is None or pathway.home_readings is None or not set(readings) & set(pathway.readings):
            continue
        service = next((s for s in pathway.services.values() if s.kind == "follow_up"), None)
        if service is None:
            continue
        answer = ask_of_home(turn, pathway, pathway.home_readings, readings, on)
        if answer.decision is None:
            continue
        looked_at |= set(readings) & set(pathway.readings)
        put_down(turn, "home_reading", pathway, service, answer)
        if answer.decision.tag is not None:
            _retag(turn, pathway, answer)
            _nearer(turn, pathway, service, turn.today + timedelta(days=_shorter(service, answer.decision, turn.worst_tag)))
        _carry_out_besides(turn, pathway, service, answer)
    return looked_at


def _nearer(turn: Turn, pathway: Pathway, service: Service, limit: date) -> None:
    occurrence = turn.occurrence(pathway.name, service.name)
    if occurrence is not None and occurrence.due > limit:
        visits.plan_next(turn, pathway, service, limit, last=occurrence.last, code="due_sooner")


def screened(turn: Turn, name: str, readings: Readings, on: date, *, serves: tuple[merging.Name, ...] = ()) -> None:
    """A screening was done; on every pathway that asks for it, and with all that were to be drawn with it, so that it is done once.

    ``serves``: the screenings of the task that was closed with it, as (pathway, service).
    """
    done = merging.done_together(turn, name, readings, serves)
    for pathway, service, before in done:
        if before.last is not None and on < before.last:
            turn.because("screening_noted", pathway=pathway.name, service=service.name, held_back="older_than_last")
            continue
        turn.close_tasks("done", service=service.name, pathway=pathway.name)
        turn.because("service_done", pathway=pathway.name, service=service.name, detail={"on": on.isoformat()})
        interval, within, row = service.every.on(turn.worst_tag), None, ""
        if service.decide is not None:
            answer = ask(turn, pathway, service.decide, {**latest(turn), **readings}, on)
            if answer.decision is not None:
                put_down(turn, "decided", pathway, service, answer)
                _retag(turn, pathway, answer)
                _carry_out_besides(turn, pathway, service, answer)
                interval, within = _shorter(service, answer.decision, turn.worst_tag), answer.decision.within
                row = answer.row.id if answer.row else ""
        due = max(on + timedelta(days=interval), turn.today + timedelta(days=1))
        visits.plan_next(turn, pathway, service, due, last=on, code="next_due", counted_from=on, within=within, row=row)
    if not done:
        turn.because("service_noted", service=name, held_back="no_such_service")


def screened_by_results(turn: Turn, readings: Readings, on: date) -> None:
    """Results complete the screenings that collect them."""
    for name in dict.fromkeys(
        service.name
        for _, service in turn.active_services("screening")
        if service.collects and all(reading in readings for reading in service.collects)
    ):
        screened(turn, name, readings, on)


def confirm_next(turn: Turn) -> None:
    """The patient says that they will come."""
    found = visits.next_visit(turn)
    if found is not None:
        pathway, service, occurrence = found
        turn.set_occurrence(pathway, service, changed(occurrence, confirmed=True))
