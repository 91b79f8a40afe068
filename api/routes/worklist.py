"""A health manager's day: the visits expected, what else is to be done, and a word whenever it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import Allowed, Language, Parts, Session, caller_of, may, today_at
from api.models.work import More, WorkChanged, WorklistOut
from api.parts import ApiParts
from api.problems import Problem, not_found, unusable
from api.showing.patients import Showing
from api.showing.tasks import show_tasks
from api.showing.worklist import show_visits, with_overdue
from api.trail import trail_of
from records.callers import Caller
from records.scope import Scope
from records.tables import CareTeam
from records.worklist import Worklist

router = APIRouter(prefix="/worklist", tags=["work"])

MOST = 200
NAMED = 20  # teams, where the caller has to choose one
RIGHT = "worklist.read"

Team = Annotated[str | None, Query(max_length=40, description="may be left out by a caller who has one team")]


@router.get("", summary="One day's work")
async def read_worklist(
    caller: Annotated[Caller, may(RIGHT)],
    session: Session,
    parts: Parts,
    team: Team = None,
    on: date | None = None,
    limit: Annotated[int, Query(ge=1, le=500, description="how many visits, and how many tasks")] = MOST,
    language: Language = "en",
) -> WorklistOut:
    """Visits expected on the day and not done yet, and open tasks due up to a week later: urgent, then red, then overdue first.

    A task that was put off is there from its day on. ``more`` says how many are not shown.
    """
    chosen = await the_team(session, caller.scope, team)
    return await _day(session, parts, chosen, on=on, limit=limit, language=language)


async def worklist(
    session: AsyncSession, parts: ApiParts, scope: Scope, *, team: str | None, on: date | None, language: str
) -> WorklistOut:
    """The day's work of a team; of the caller's first team where none is named. Raises Problem 404."""
    if team is None:
        teams = await Worklist(session).teams(scope, limit=1)
        team = teams[0].id if teams else ""
    return await _day(session, parts, await the_team(session, scope, team), on=on, limit=MOST, language=language)


async def the_team(session: AsyncSession, scope: Scope, team: str | None) -> CareTeam:
    """The team that is meant. Raises Problem 404, and 422 where the caller has to say which."""
    work = Worklist(session)
    if team is None and (team := scope.team) is None:
        teams = [one.id for one in await work.teams(scope, limit=NAMED + 1)]
        if len(teams) != 1:
            among = ", ".join(teams[:NAMED]) + (" ..." if len(teams) > NAMED else "")
            raise unusable("team", "is missing, and you have several", f"use one of: {among}" if teams else "ask for a team")
        (team,) = teams
    found = await work.team(scope, team)
    if found is None:
        raise not_found()
    return found


async def _day(
    session: AsyncSession, parts: ApiParts, team: CareTeam, *, on: date | None, limit: int, language: str
) -> WorklistOut:
    work = Worklist(session)
    on = on or await today_at(parts, session, team)
    showing = Showing(session, parts.vault, parts.plans, language)
    visits = await work.visits(team.id, on=on, limit=limit)
    tasks = await work.tasks(team.id, on=on, limit=limit)
    return WorklistOut(
        on=on,
        team=team.id,
        visits=await show_visits(showing, visits.items, on=on),
        tasks=with_overdue(await show_tasks(showing, tasks.items), on=on),
        more=More(visits=visits.more, tasks=tasks.more),
    )


async def watched(request: Request, parts: Parts, team: Team = None) -> str:
    """The team whose worklist is watched, found before the stream begins. Raises Problem 404, 422."""
    caller = trail_of(request).caller
    if caller is None:
        raise RuntimeError("a route names its caller before what it watches")
    async with parts.database.reading() as session:
        return (await the_team(session, caller.scope, team)).id


@router.get("/changes", summary="A word whenever the worklist changes", response_class=EventSourceResponse)
async def watch_worklist(
    caller: Annotated[Caller, may(RIGHT)],
    request: Request,
    parts: Parts,
    team: Annotated[str, Depends(watched)],
    last_event_id: Annotated[str | None, Header(max_length=40, description="of the last event that was heard")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events named ``changed``: read the worklist again. The first comes at once, unless nothing has changed since
    ``Last-Event-ID``. The stream ends when the server stops or the key is withdrawn; a client connects again by itself.
    """
    async for pulse in changes_of(parts, caller, team, key=Allowed(RIGHT).shown(request), heard=last_event_id):
        yield pulse


async def changes_of(
    parts: ApiParts, caller: Caller, team: str, *, key: str | None, heard: str | None
) -> AsyncIterator[ServerSentEvent]:
    """A word whenever the team's worklist has changed, as long as ``key`` opens it to the same caller."""

    async def still_allowed() -> bool:
        try:
            now = await caller_of(parts, key)
        except Problem:
            return False
        return now.role == caller.role and now.rights == caller.rights and now.scope.covers_team(team)

    async with aclosing(parts.watch.changes(team, heard=heard, still_allowed=still_allowed)) as pulses:
        async for pulse in pulses:
            yield ServerSentEvent(event="changed", id=str(pulse), data=WorkChanged(team=team))
