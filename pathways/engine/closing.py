"""A day that was booked and on which the place turns out to be closed: another one is found, and the patient is told it.

Rule 1: the patient is told once: the new day, or that somebody will call about one.
Rule 2: where no open day is left before the visit is due, a person finds one.
"""

from __future__ import annotations

from datetime import date, timedelta

from pathways.engine import contacts, holding, marks, useful, visits
from pathways.engine.commands import BookVisit, ReleaseVisit
from pathways.engine.plan import TaskSpec
from pathways.engine.state import changed
from pathways.engine.turn import Turn


def day_closed(turn: Turn, day: date, closure: str) -> None:
    """Give the day back and ask for another, which need not be the one that was agreed."""
    found = holding.lost_day(turn, day)
    if found is None or turn.state.life != "active" or day < turn.today:
        turn.because("day_closed", held_back="no_visit_then", detail={"day": day.isoformat()})
        return
    pathway, service, occurrence = found
    assert occurrence.booking is not None  # or the day would not have been found
    turn.emit(ReleaseVisit(occurrence.booking))
    key = turn.key("visit")
    made = tuple(mark for mark in occurrence.marks if not mark.startswith((marks.REMINDED, marks.SKIPPED)))
    moved = changed(occurrence, booking=key, booked=None, confirmed=False, since=turn.now, marks=made)
    turn.set_occurrence(pathway, service, moved)
    earliest = max(occurrence.earliest, turn.today + timedelta(days=1))
    latest = max(occurrence.due, earliest)
    turn.emit(BookVisit(key, pathway, service, earliest, latest, turn.worst_tag, turn.comes_first))
    turn.state.rebooking = key, day
    turn.state.holds_told = (*(one for one in turn.state.holds_told if one != closure), closure)
    turn.close_tasks("day_moved", kinds=("find_another_day",))
    turn.because("day_closed", pathway=pathway, service=service, key=key, detail={"day": day.isoformat()})


def booked(turn: Turn, booking: str, day: date) -> None:
    """Records found a day; where it takes the place of one that fell to a closure, the patient is told."""
    visits.booked(turn, booking, day)
    if turn.state.rebooking is None or booking != turn.state.rebooking[0]:
        return
    lost, turn.state.rebooking = turn.state.rebooking[1], None
    kept = holding.lost_day(turn, day)
    if kept is not None and kept[2].booking == booking and not holding.is_closed_on(turn, day):
        template, of = holding.VISIT_MOVED, day
    else:
        template, of = holding.VISIT_CLOSED, lost
        if kept is not None and kept[2].booking == booking:
            turn.set_occurrence(kept[0], kept[1], changed(kept[2], booked=None))
        turn.emit(ReleaseVisit(booking))
        turn.open_task(TaskSpec("find_another_day", "health_manager", 2))
    if "reminders" in turn.state.refused:  # no reminder, and not to be left in front of a closed door either
        contacts.call_instead(turn, "", template, "not_wanted")
    else:
        contacts.say(turn, "", template, day=of, until=useful.until_day(turn, of + timedelta(days=1)))
