"""The numbers a supervisor looks at, of all their teams and of each, and the people behind every one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.depends import After, Limit, Parts, Session, may
from api.models.overview import CountedPage, OverviewOut, TeamNumbersPage
from api.overviewing import by_team, overview, people_behind
from records.callers import Caller

router = APIRouter(prefix="/overview", tags=["overview"])

Team = Annotated[str | None, Query(max_length=40, description="only this care team's")]


@router.get("", summary="Counts")
async def read_overview(
    caller: Annotated[Caller, may("overview.read")], session: Session, parts: Parts, team: Team = None
) -> OverviewOut:
    """How the caller's teams stand, as housekeeping counted it last."""
    return await overview(session, parts, caller.scope, team=team)


@router.get("/teams", summary="Counts of each care team")
async def read_teams(
    caller: Annotated[Caller, may("overview.read")], session: Session, parts: Parts, limit: Limit = 50, after: After = None
) -> TeamNumbersPage:
    """The same for each of the caller's teams."""
    return await by_team(session, parts, caller.scope, limit=limit, after=after)


@router.get("/people", summary="The people behind a number")
async def read_people(
    caller: Annotated[Caller, may("overview.people")],
    session: Session,
    parts: Parts,
    of: Annotated[str, Query(max_length=60, description="figure:code, such as follow_up:lost, tag:red, task:phone_call")],
    team: Team = None,
    limit: Limit = 50,
    after: After = None,
) -> CountedPage:
    """Whom it counts, those who waited longest first."""
    return await people_behind(session, parts, caller.scope, of, team=team, limit=limit, after=after)
