"""The numbers a supervisor looks at: added up from what housekeeping has counted of each care team."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import Parts, Session, may, now_of
from api.models.base import Model, Moment, example
from api.parts import ApiParts
from api.problems import not_found
from records.callers import Caller
from records.figures import LATELY
from records.scope import Scope
from records.tables import CareTeam, Figures

router = APIRouter(prefix="/overview", tags=["overview"])


class OverviewOut(
    Model,
    json_schema_extra=example(
        now="2025-03-03T01:04:00Z",
        as_of="2025-03-03T01:00:00Z",
        teams=2,
        patients_by_tag={"red": 3, "yellow": 20, "green": 160},
        patients_by_life={"active": 183, "withdrawn": 2},
        patients_by_reach={"reachable": 180, "unreachable": 3},
        open_tasks={"phone_call": 9},
        overdue_tasks=2,
        referrals={"completed": 4},
        refills={"dispensed": 60},
        messages={"planned": 1},
        since="2025-02-01",
        visits_done=61,
        calls_made=30,
        answers_received=44,
        dispensed=57,
    ),
):
    """Counts over the caller's teams; tag and reach of patients in care; ``messages``: those that wait or are in doubt.

    ``as_of``: when the oldest of them was counted, None where nothing has been counted yet. What was done is of the thirty days
    up to then, from ``since`` on.
    """

    now: Moment
    as_of: Moment | None
    teams: int
    patients_by_tag: dict[str, int]
    patients_by_life: dict[str, int]
    patients_by_reach: dict[str, int]
    open_tasks: dict[str, int]
    overdue_tasks: int
    referrals: dict[str, int]
    refills: dict[str, int]
    messages: dict[str, int]
    since: date
    visits_done: int
    calls_made: int
    answers_received: int
    dispensed: int


@router.get("", summary="Counts")
async def read_overview(
    caller: Annotated[Caller, may("overview.read")],
    session: Session,
    parts: Parts,
    team: Annotated[str | None, Query(max_length=40, description="only this care team's")] = None,
) -> OverviewOut:
    """How the caller's teams stand, as housekeeping counted it last."""
    return await overview(session, parts, caller.scope, team=team)


async def overview(session: AsyncSession, parts: ApiParts, scope: Scope, *, team: str | None = None) -> OverviewOut:
    """The counts. Raises Problem 404."""
    query = scope.of_teams(select(Figures), Figures.place)
    if team is not None:
        if not scope.covers_team(team) or await session.get(CareTeam, team) is None:
            raise not_found()
        query = query.where(Figures.place == team)
    figures = list(await session.scalars(query))
    now = await now_of(parts, session)
    as_of = min((one.at for one in figures), default=None)
    return _added_up([one.body for one in figures], now=now, as_of=as_of)


def _added_up(bodies: Sequence[Mapping[str, Any]], *, now: datetime, as_of: datetime | None) -> OverviewOut:
    sums: dict[str, Counter[str]] = {}
    for body in bodies:
        for name, counts in body.items():
            sums.setdefault(name, Counter()).update(counts)

    def of(name: str) -> dict[str, int]:
        return dict(sorted(sums.get(name, {}).items()))

    done = of("done")
    return OverviewOut(
        now=now,
        as_of=as_of,
        teams=len(bodies),
        patients_by_tag=of("patients_by_tag"),
        patients_by_life=of("patients_by_life"),
        patients_by_reach=of("patients_by_reach"),
        open_tasks=of("open_tasks"),
        overdue_tasks=sum(of("overdue_tasks").values()),
        referrals=of("referrals"),
        refills=of("refills"),
        messages=of("messages"),
        since=((as_of or now) - LATELY).date(),
        visits_done=done.get("visit_completed", 0),
        calls_made=done.get("call_made", 0),
        answers_received=done.get("answer_received", 0),
        dispensed=done.get("dispensed", 0),
    )
