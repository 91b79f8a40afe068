"""Tasks: listed, and finished."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.depends import After, Language, Limit, Parts, Session, may
from api.models.base import Written
from api.models.work import TaskDone, TaskPage
from api.problems import Problem, not_found, unusable
from api.showing.patients import Showing
from api.showing.tasks import show_tasks
from api.writing import Case, Writes, happened_at
from pathways.engine.events import TaskClosed
from records.callers import Caller
from records.tasks import Tasks, finish

router = APIRouter(prefix="/tasks", tags=["work"])

CONFIRMS = ("approved", "declined")


@router.get("", summary="Tasks")
async def list_tasks(
    caller: Annotated[Caller, may("tasks.read")],
    session: Session,
    parts: Parts,
    status: Annotated[str, Query(pattern="^(open|done|not_needed|any)$")] = "open",
    kind: Annotated[str | None, Query(max_length=60)] = None,
    by: Annotated[str | None, Query(max_length=60)] = None,
    limit: Limit = 50,
    after: After = None,
    language: Language = "en",
) -> TaskPage:
    """Tasks of the caller's team, or of the network, by the day they are due."""
    wanted = None if status == "any" else status
    page = await Tasks(session).page(caller.scope, status=wanted, kind=kind, by=by, limit=limit, after=after)
    showing = Showing(session, parts.vault, parts.plans, language)
    return TaskPage(items=await show_tasks(showing, page.items), next=page.next)


@router.post("/{patient_id}/complete", summary="A task was finished")
async def complete_task(caller: Annotated[Caller, may("tasks.work")], writing: Writes, patient_id: str, body: TaskDone) -> Written:
    """Finished with an outcome; a referral that waits for a clinician is approved or declined by a doctor's key."""

    async def change(case: Case) -> TaskClosed | None:
        task = await Tasks(case.session).one(caller.scope, patient_id, body.key)
        if task is None:
            raise not_found()
        if task.kind == "confirm_referral":
            if body.outcome not in CONFIRMS:
                raise unusable("outcome", "does not say whether the referral goes out", f"use one of: {', '.join(CONFIRMS)}")
            if task.by == "doctor" and caller.role != "doctor":
                raise Problem(403, "A referral that waits for a clinician is approved or declined with a doctor's key.")
        if (task.status, task.outcome) == ("done", body.outcome):
            return None  # told twice
        if task.status != "open":
            raise Problem(409, f"This task is closed already ({task.status}, {task.outcome}).")
        finish(task, body.outcome, at=case.now)
        at = happened_at(body.at, case.now)
        return TaskClosed(id=writing.event_id("task", body), at=at, learnt=case.now, task=body.key, outcome=body.outcome)

    return await writing.change(patient_id, change)
