"""A due day becomes another one while its patient is under way: booking, agreed day, tasks, texts and marks follow.

Rule 1: a booking is given back only where the day changes; a day agreed with the patient is kept where it still will do.
Rule 2: nobody is reminded of what has passed, nor told once more what was told for the same day.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from pathways.engine import calendar, marks, retiming, visits
from pathways.engine.commands import ReleaseVisit
from pathways.engine.plan import Escalation, Pathway, Reminder, Service, TaskSpec
from pathways.engine.retracting import open_kinds, retract, to_be_done_again
from pathways.engine.turn import Turn


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
    """The day stays: texts that only ``service`` has and whose moment has passed are not sent, nor one sent at another offset."""
    occurrence = turn.occurrence(pathway.name, service.name)
    if occurrence is None:
        return
    olds = before.remind if before is not None else ()
    told = [old.send for old in olds if old not in service.remind and marks.of_reminder(old) in occurrence.marks]
    made = list(occurrence.marks)

    def skip(mark: str, text: Reminder | Escalation, why: str) -> None:
        made.append(mark)
        detail = {"template": text.send or ""}
        turn.because("not_sent", pathway=pathway.name, service=service.name, held_back=why, detail=detail)

    for reminder in service.remind:
        mark, day = marks.of_reminder(reminder), occurrence.day + timedelta(days=reminder.offset)
        if mark in made or marks.skipped(mark) in made or reminder in olds:
            continue
        if reminder.send in told:
            told.remove(reminder.send)
            skip(mark, reminder, "told_already")
        elif calendar.contact_moment(turn.state.patient, day, turn.timezone, turn.plan.contact) < turn.now:
            skip(marks.skipped(mark), reminder, "too_late")
    for mark, escalation in zip(marks.of_escalations(service.if_missed), service.if_missed, strict=True):
        if escalation.open_task is not None or escalation.mark is not None or mark in made:
            continue
        day = occurrence.day + timedelta(days=escalation.after.on(turn.worst_tag))
        known = before is not None and escalation in before.if_missed
        if not known and calendar.staff_moment(day, turn.timezone) < turn.now:
            skip(mark, escalation, "too_late")
    if len(made) != len(occurrence.marks):
        turn.set_occurrence(pathway.name, service.name, replace(occurrence, marks=tuple(made)))
