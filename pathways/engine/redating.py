"""A due day becomes another one while its patient is under way: booking, agreed day, tasks, texts and marks follow.

Rule 1: a booking is given back only where the day changes; a day agreed with the patient is kept where it still will do.
Rule 2: nobody is reminded of what has passed, nor told once more what was told for the same day.
Rule 3: what a version says of a missed day, and would have said before it came, is work for the care team; no text goes out for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from pathways.engine import asking, calendar, marks, merging, retiming, useful, visits
from pathways.engine.commands import ReleaseVisit
from pathways.engine.plan import Escalation, Pathway, Reminder, Service, TaskSpec
from pathways.engine.retracting import open_kinds, retract, to_be_done_again
from pathways.engine.state import Occurrence
from pathways.engine.turn import Turn, marked, times


def move_due(turn: Turn, pathway: Pathway, service: Service, before: Service, due: date) -> str:
    """The due day of ``service`` (once ``before``) becomes ``due``. Answers a doubt's code, or nothing."""
    occurrence, today = turn.occurrence(pathway.name, service.name), turn.today
    if occurrence is None:
        return ""
    moved = replace(occurrence, due=due, earliest=visits.earliest(turn, service, due, occurrence.last))
    if not retiming.keeps_agreed_day(occurrence, due, today):
        made = occurrence.marks
        if occurrence.booking is not None:
            turn.emit(ReleaseVisit(occurrence.booking))
        if due > today:
            made = to_be_done_again(open_kinds(turn, pathway.name, service.name), before, made)
            chasing = tuple(one.open_task.kind for one in before.if_missed if one.open_task is not None)
            kinds = (*visits.CHASING, *chasing, service.name)
            turn.close_tasks("due_moved", kinds=kinds, service=service.name, pathway=pathway.name)
        made = marks.reparked(tuple(mark for mark in made if mark != marks.OPENED), occurrence.due, due)
        moved = replace(moved, since=turn.now, booked=None, booking=None, confirmed=False, marks=made)
        retract(turn, pathway.name, before, occurrence.day)
    turn.set_occurrence(pathway.name, service.name, moved)
    detail = {"from": occurrence.due.isoformat(), "to": due.isoformat()}
    turn.because("due_moved", pathway=pathway.name, service=service.name, detail=detail)
    if moved.confirmed or not occurrence.confirmed or occurrence.booked is None or occurrence.booked < today:
        return ""
    turn.open_task(TaskSpec("find_another_day", "health_manager", 2), pathway=pathway.name, service=service.name)
    return "agreed_day_lost"


def skip_what_has_passed(turn: Turn, pathway: Pathway, service: Service, before: Service | None) -> None:
    """The day stays: reminders that only ``service`` has and whose moment has passed are not sent, nor what was sent otherwise."""
    occurrence = turn.occurrence(pathway.name, service.name)
    if occurrence is None:
        return
    olds = before.remind if before is not None else ()
    told = [old.send for old in olds if old not in service.remind and marks.of_reminder(old) in occurrence.marks]
    made = list(occurrence.marks)

    def skip(mark: str, reminder: Reminder, why: str) -> None:
        made.append(mark)
        detail = {"template": reminder.send}
        turn.because("not_sent", pathway=pathway.name, service=service.name, held_back=why, detail=detail)

    for reminder in service.remind:
        mark = marks.of_reminder(reminder)
        if mark in made or marks.skipped(mark) in made or reminder in olds:
            continue
        if reminder.send in told:
            told.remove(reminder.send)
            skip(mark, reminder, "told_already")
        elif useful.reminds_at(turn, occurrence.day, reminder.offset) < turn.now:
            skip(marks.skipped(mark), reminder, "too_late")
    if len(made) != len(occurrence.marks):
        turn.set_occurrence(pathway.name, service.name, replace(occurrence, marks=tuple(made)))


def chase_without_words(turn: Turn, pathway: Pathway, left: str, old: Pathway | None) -> None:
    """Do what ``pathway`` says of a missed day, and whose moment has passed or whose text was told, without its text.

    The version ``left`` (``old``, where it is at hand) was left for it. Whoever rests, is lost, or comes to another visit has no
    work opened: that follows once they are back, found, or the visit is its own.
    """
    leaders, led = visits.visit_leaders(turn), merging.led(turn)
    for service in pathway.services.values():
        name = (pathway.name, service.name)
        occurrence = turn.occurrence(*name)
        if occurrence is None:
            continue
        was = occurrence.left.get(left)
        before = old.services.get(was.service) if old is not None and was is not None and was.due == occurrence.due else None
        known = before.if_missed if before is not None else ()
        leads = name in leaders if service.kind == "follow_up" else name not in led
        acts = leads and turn.state.life == "active" and turn.state.reach == "reachable"
        missed_from = _missed_from(turn, pathway.name, service, occurrence)
        for overtaken in _overtaken(turn, service, missed_from, occurrence.marks, known):
            if not acts and overtaken.works:
                continue
            current = turn.occurrence(*name) or occurrence
            turn.set_occurrence(*name, replace(current, marks=overtaken.marked(current.marks)))
            overtaken.not_sent(turn, *name)
            if overtaken.works:
                turn.because("missed", pathway=name[0], service=name[1], detail={"day": occurrence.day.isoformat()})
            if overtaken.missed.open_task is not None:
                turn.open_task(overtaken.missed.open_task, pathway=name[0], service=name[1])
            if overtaken.missed.mark == "unreachable":
                _search_for(turn)
                break
    _medicine_without_words(turn, pathway, old)


def _medicine_without_words(turn: Turn, pathway: Pathway, old: Pathway | None) -> None:
    """The same of medicine that has ended and was not handed out."""
    known = [one for service in old.services.values() if service.kind == "refill" for one in service.if_missed] if old else []
    for medicine, supply in turn.state.supplies.items() if turn.state.life == "active" else ():
        found = asking.service_for(turn, medicine)
        if found is None or found[0].name != pathway.name:
            continue
        of, service = found[0].name, found[1].name
        for overtaken in _overtaken(turn, found[1], supply.ends, supply.marks, known):
            current = turn.state.supplies[medicine]
            turn.state.supplies[medicine] = replace(current, marks=overtaken.marked(current.marks))
            overtaken.not_sent(turn, of, service)
            turn.because("refill_missed", pathway=of, service=service, detail={"ends": supply.ends.isoformat()})
            if overtaken.missed.open_task is not None:
                turn.open_task(overtaken.missed.open_task, pathway=of, service=service, about=supply.key)


@dataclass(frozen=True, slots=True)
class _Overtaken:
    """What is done for a missed day without its text: ``often`` its moment has passed unmarked; ``told``: it was said before."""

    missed: Escalation
    mark: str
    often: int
    told: bool

    @property
    def works(self) -> bool:
        """It is more than a text."""
        return self.missed.open_task is not None or self.missed.mark is not None

    def marked(self, made: tuple[str, ...]) -> tuple[str, ...]:
        made = tuple(mark for mark in made if mark != marks.skipped(self.mark))
        for _ in range(self.often):
            made = marked(made, self.mark)
        return made

    def not_sent(self, turn: Turn, pathway: str, service: str) -> None:
        why = "told_already" if self.told else "too_late"
        turn.because("not_sent", pathway=pathway, service=service, held_back=why, detail={"template": self.missed.send or ""})


def _overtaken(
    turn: Turn, service: Service, day: date, made: tuple[str, ...], known: Collection[Escalation]
) -> Iterator[_Overtaken]:
    """Of what ``service`` says of the missed ``day`` in words, besides: what is not ``known`` and overtaken, what was told."""
    for mark, missed in zip(marks.of_escalations(service.if_missed), service.if_missed, strict=True):
        told = marks.skipped(mark) in made
        often = _moments_passed(turn, day, missed) - times(made, mark) if missed not in known else 0
        if missed.send is not None and (told or often > 0):
            yield _Overtaken(missed, mark, max(often, 1 - times(made, mark)), told)


def _missed_from(turn: Turn, pathway: str, service: Service, occurrence: Occurrence) -> date:
    """The day from which a missed one is counted: not while only readings are missing, and not the patient."""
    begun_on = turn.state.courses[pathway].begun_on if service.kind == "follow_up" else None
    return occurrence.day if begun_on is None else max(occurrence.day, begun_on + visits.COMPLETES_WITHIN)


def _moments_passed(turn: Turn, day: date, missed: Escalation) -> int:
    """How often the moment of ``missed`` has come: more than once where it comes again."""
    first = day + timedelta(days=missed.after.on(turn.worst_tag))
    if calendar.staff_moment(first, turn.timezone) >= turn.now:
        return 0
    return 1 if missed.again is None else 1 + (turn.today - first).days // max(1, missed.again)


def _search_for(turn: Turn) -> None:
    """Nobody could reach the patient: as ``life.lost``, which rests on this module."""
    turn.state.reach, turn.state.reach_since, turn.state.searches = "unreachable", turn.now, 1
    turn.because("unreachable")
    turn.open_task(TaskSpec("search", "health_manager", 14))
