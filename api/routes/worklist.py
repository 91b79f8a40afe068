"""A health manager's day: the visits expected, and what else is to be done."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import Language, Parts, Session, may, today_at
from api.models.work import WorklistOut
from api.parts import ApiParts
from api.problems import not_found
from api.showing.patients import Showing
from api.showing.tasks import show_tasks
from records.callers import Caller
from records.scope import Scope
from records.tasks import Tasks
from records.worklist import Worklist

router = APIRouter(prefix="/worklist", tags=["work"])

AHEAD = timedelta(days=7)
MOST = 200


@router.get("", summary="One day's work")
async def read_worklist(
    caller: Annotated[Caller, may("worklist.read")],
    session: Session,
    parts: Parts,
    team: Annotated[str | None, Query(max_length=40)] = None,
    on: date | None = None,
    language: Language = "en",
) -> WorklistOut:
    """Visits expected on the day and not done yet, and open tasks due up to a week later: urgent, then red, then overdue first."""
    return await worklist(session, parts, caller.scope, team=team, on=on, language=language)


async def worklist(
    session: AsyncSession, parts: ApiParts, scope: Scope, *, team: str | None, on: date | None, language: str
) -> WorklistOut:
    """The day's work of a team, or of the network. Raises Problem 404."""
    work = Worklist(session)
    wanted = team or scope.team
    found = await work.team(scope, wanted) if wanted is not None else None
    if wanted is not None and found is None:
        raise not_found()
    on = on or await today_at(parts, session, found)
    showing = Showing(session, parts.vault, parts.plans, language)
    expected = await work.visits(scope, team=wanted, on=on, limit=MOST)
    shown = await showing.many(expected)
    tasks = await Tasks(session).due(scope, team=wanted, until=on + AHEAD, limit=MOST)
    return WorklistOut(
        on=on,
        team=wanted,
        visits=[await showing.visit(patient, out) for patient, out in zip(expected, shown, strict=True)],
        tasks=await show_tasks(showing, tasks),
    )
