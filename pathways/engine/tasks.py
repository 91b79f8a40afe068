"""What the team did with its tasks: finished, put off, handed over.

Rule: a task that is finished settles what it was about; one that is put off or handed over changes nothing in care.
"""

from __future__ import annotations

from datetime import date

from pathways.engine import calls, events, held, life, referrals, refills, replies, reviews, substitutes
from pathways.engine.turn import Turn


def closed(turn: Turn, event: events.TaskClosed, on: date) -> None:
    """Somebody finished a task on ``on``, a day where the patient lives."""
    task = turn.state.tasks.pop(event.task, None)
    if task is None:
        turn.because("too_late", key=event.task, held_back="task_closed")
        return
    detail = {"kind": task.kind, "outcome": event.outcome}
    turn.because("task_closed", pathway=task.pathway, service=task.service, key=event.task, detail=detail)
    if task.kind == "referral_check" and task.about is not None:
        referrals.checked(turn, task.about, event.outcome)
    elif task.kind == "confirm_referral" and task.about is not None:
        referrals.decided(turn, task.about, approved=event.outcome != "declined")
    elif task.kind == "referral_question" and task.about is not None:
        replies.question_closed(turn, task.about)
    elif task.kind == held.TASK and task.about is not None:
        held.decided(turn, task.about, event.outcome)
    elif task.kind == substitutes.TASK and task.about is not None:
        substitutes.not_decided(turn, task.about)
    elif task.kind == life.CHOOSE:
        life.unplaced(turn)
    elif event.outcome == "found":
        life.found(turn)
    elif event.outcome == "done" and task.kind == task.service:  # the screening's own task
        reviews.screened(turn, task.service, {}, on, serves=task.serves)
    elif event.outcome == "stopped":
        for medicine in [m for m, supply in turn.state.supplies.items() if task.about in (supply.key, supply.refill)]:
            refills.forget(turn, medicine, "stopped")


def arranged(turn: Turn, event: events.TaskPostponed | events.TaskHandedOver) -> None:
    """Somebody arranged the team's work: care goes on as it was."""
    task = turn.state.tasks.get(event.task)
    if task is None:
        turn.because("too_late", key=event.task, held_back="task_closed")
        return
    calls.begun(turn, event.task)
    if isinstance(event, events.TaskPostponed):
        detail = {"kind": task.kind, "until": event.until.isoformat(), "reason": event.reason}
        turn.because("task_postponed", pathway=task.pathway, service=task.service, key=event.task, detail=detail)
    else:
        turn.because(
            "task_handed_over",
            pathway=task.pathway,
            service=task.service,
            key=event.task,
            detail={"kind": task.kind, "to": event.to},
        )
