"""Marks of what was done for an occurrence: named by what they are, never by where they stand in a list.

Rule 1: a mark says what was done (which text how far from the day, which task), so that another version of the pathway, or the
        same one with its lines in another order, knows it again.
Rule 2: marks belong to a due day: they are parked where a version moves it, and count again where it comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pathways.engine.plan import Escalation, Reminder, Service

STILL_DUE = "still_due"
OPENED = "opened"
REMINDED = "remind"
SKIPPED = "~remind"  # its moment had passed when a version brought it: not told, and not to be told for this day
PARKED = "@"


def of_reminder(reminder: Reminder) -> str:
    """``remind-3/visit_soon``: how far from the day, and the text."""
    return f"{REMINDED}{reminder.offset:+d}/{reminder.send}"


def skipped(mark: str) -> str:
    """The mark of a reminder that was passed over, which is not the mark of one that was told."""
    return f"~{mark}"


def of_escalations(escalations: Sequence[Escalation]) -> tuple[str, ...]:
    """One mark each, ``missed/phone_call``; the second of the same kind is ``missed/phone_call/2``."""
    made: list[str] = []
    for escalation in escalations:
        task = escalation.open_task.kind if escalation.open_task is not None else ""
        what = "missed/" + "+".join(part for part in (task, escalation.send, escalation.mark) if part)
        often = 1 + sum(mark == what or mark.startswith(f"{what}/") for mark in made)
        made.append(what if often == 1 else f"{what}/{often}")
    return tuple(made)


def of_service(service: Service) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The marks of its reminders and of its escalations."""
    return tuple(map(of_reminder, service.remind)), of_escalations(service.if_missed)


def reparked(marks: tuple[str, ...], before: date, after: date) -> tuple[str, ...]:
    """``marks`` where the due day moves: those of ``before`` are parked, as ``@2025-03-17 missed/phone_call``; those of ``after``
    count again.
    """
    here = f"{PARKED}{after.isoformat()} "
    return tuple(mark.removeprefix(here) if mark.startswith(PARKED) else f"{PARKED}{before.isoformat()} {mark}" for mark in marks)
