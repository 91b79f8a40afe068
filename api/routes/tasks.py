"""Tasks: listed, read, claimed, put off, handed over, and finished."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.arranging import Arranging
from api.depends import After, Language, Limit, Parts, Session, may, today_at
from api.models.base import Written
from api.models.work import TaskClaim, TaskDetail, TaskDone, TaskHandOver, TaskPage, TaskPostpone
from api.parts import ApiParts
from api.problems import not_found
from api.showing.patients import Showing
from api.showing.tasks import show_task, show_tasks, task_etag
from api.writing import Writes
from records.callers import Caller
from records.tasks import NOBODY, Tasks, Wanted
from records.worklist import Worklist

router = APIRouter(prefix="/tasks", tags=["work"])


@router.get("", summary="Tasks")
async def list_tasks(
    caller: Annotated[Caller, may("tasks.read")],
    session: Session,
    parts: Parts,
    status: Annotated[str, Query(pattern="^(open|done|not_needed|any)$")] = "open",
    kind: Annotated[str | None, Query(max_length=60)] = None,
    by: Annotated[str | None, Query(max_length=60, description="the role that is to do it")] = None,
    team: Annotated[str | None, Query(max_length=40)] = None,
    claimed: Annotated[Literal["me", "nobody"] | None, Query(description="by the caller, or by nobody")] = None,
    overdue: Annotated[bool, Query(description="only what was due before today")] = False,
    due_until: date | None = None,
    limit: Limit = 50,
    after: After = None,
    language: Language = "en",
) -> TaskPage:
    """Tasks of the caller's teams, by the day they are due. Pages neither skip nor repeat while tasks are worked on."""
    work = Worklist(session)
    asked = team or caller.scope.team
    found = await work.team(caller.scope, asked) if asked is not None else None
    if team is not None and found is None:
        raise not_found()
    wanted = Wanted(
        status=None if status == "any" else status,
        kind=kind,
        by=by,
        team=team,
        claimed_by={"me": caller.id, "nobody": NOBODY}[claimed] if claimed is not None else None,
        due_before=await today_at(parts, session, found) if overdue else None,
        due_until=due_until,
    )
    page = await Tasks(session).page(caller.scope, wanted, limit=limit, after=after)
    showing = Showing(session, parts.vault, parts.plans, language)
    return TaskPage(items=await show_tasks(showing, page.items), next=page.next)


@router.get("/{patient_id}", summary="One task")
async def read_task(
    caller: Annotated[Caller, may("tasks.read")],
    session: Session,
    parts: Parts,
    response: Response,
    patient_id: str,
    key: Annotated[str, Query(max_length=120)],
    language: Language = "en",
) -> TaskDetail:
    """A task with what people did with it. Its ETag changes whenever somebody edits it."""
    return await _one(session, parts, caller, response, patient_id, key, language)


@router.post("/{patient_id}/claim", summary="Somebody takes a task on")
async def claim_task(
    caller: Annotated[Caller, may("tasks.work")], writing: Writes, response: Response, patient_id: str, body: TaskClaim
) -> TaskDetail:
    """The task is the caller's; 409 says who has it already, unless ``take_over``. If-Match takes the task's ETag."""
    await Arranging(writing, caller, patient_id).claim(body)
    return await _as_it_is(writing.parts, caller, response, patient_id, body.key)


@router.post("/{patient_id}/release", summary="Somebody gives a task back")
async def release_task(
    caller: Annotated[Caller, may("tasks.work")], writing: Writes, response: Response, patient_id: str, body: TaskClaim
) -> TaskDetail:
    """Nobody has the task any more; 409 says who has it where it is not the caller's, unless ``take_over``."""
    await Arranging(writing, caller, patient_id).release(body)
    return await _as_it_is(writing.parts, caller, response, patient_id, body.key)


@router.post("/{patient_id}/complete", summary="A task was finished")
async def complete_task(caller: Annotated[Caller, may("tasks.work")], writing: Writes, patient_id: str, body: TaskDone) -> Written:
    """Finished with an outcome; a referral that waits for a clinician is approved or declined by a doctor's key.

    A task that another has claimed may be finished, too: the care comes first, and the task's history says who did it.
    If-Match takes the task's ETag.
    """
    return await Arranging(writing, caller, patient_id).complete(body)


@router.post("/{patient_id}/postpone", summary="A task is put off")
async def postpone_task(
    caller: Annotated[Caller, may("tasks.work")], writing: Writes, patient_id: str, body: TaskPostpone
) -> Written:
    """Off the worklist until a day within ninety days; it stays due as it was. Nothing urgent is put off."""
    return await Arranging(writing, caller, patient_id).postpone(body)


@router.post("/{patient_id}/hand-over", summary="A task is given to another role of the team")
async def hand_task_over(
    caller: Annotated[Caller, may("tasks.work")], writing: Writes, patient_id: str, body: TaskHandOver
) -> Written:
    """To the team's doctor or health manager; nobody of theirs has claimed it yet."""
    return await Arranging(writing, caller, patient_id).hand_over(body)


async def _as_it_is(parts: ApiParts, caller: Caller, response: Response, patient_id: str, key: str) -> TaskDetail:
    async with parts.database.reading() as session:
        return await _one(session, parts, caller, response, patient_id, key, "en")


async def _one(
    session: AsyncSession, parts: ApiParts, caller: Caller, response: Response, patient_id: str, key: str, language: str
) -> TaskDetail:
    task = await Tasks(session).one(caller.scope, patient_id, key)
    if task is None:
        raise not_found()
    response.headers["ETag"] = task_etag(task)
    return await show_task(Showing(session, parts.vault, parts.plans, language), task)
