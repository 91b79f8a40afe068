"""The supervisor's page: where people are getting lost, in numbers that open the list of people behind them."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from api.console.desk import N_, NOTICES, Desk, at
from api.depends import Parts, Session
from api.models.overview import CountedOut
from api.overviewing import by_team, overview, people_behind
from api.parts import ApiParts
from api.routes.alerts import list_alerts, see_alert
from api.showing.words import word
from records.database import Database
from records.figures import LOST_AFTER
from records.tables import CareTeam
from records.worklist import Worklist

A_PAGE = 25
IN_A_FILE = 10_000
"""People in one file at most; who wants more asks team by team."""

NOTICES["alert_seen"] = N_("Noted: you look after it. It stands until what is wrong is over.")
router = APIRouter(include_in_schema=False)

OverviewDesk = Annotated[Desk, at("overview.read")]
PeopleDesk = Annotated[Desk, at("overview.people")]
Of = Annotated[str, Query(max_length=60)]
Team = Annotated[str | None, Query(max_length=40)]
After = Annotated[str | None, Query(max_length=400)]

#: What a list of people is called, by its number: a code's own word where it has one of its own.
TITLES: Mapping[str, str] = {
    "follow_up:on_time": N_("Follow-up not overdue"),
    "follow_up:overdue": N_("Follow-up overdue"),
    "follow_up:lost": N_("Lost to follow-up"),
    "follow_up:none": N_("No follow-up is due"),
    "seen:lately": N_("Seen within a year"),
    "seen:long_ago": N_("Not seen for a year"),
    "seen:never": N_("Never seen"),
    "reach:unreachable": N_("Nobody can reach them"),
    "tag:none": N_("Without a tag"),
    "texts:failed": N_("Texts that could not be sent"),
    "texts:lost": N_("Texts that did not arrive"),
    "texts:unknown": N_("Texts of which nobody knows"),
    "overdue:tasks": N_("Tasks overdue"),
}
#: In which section of the words a figure's codes are.
SECTIONS: Mapping[str, str] = {"task": "tasks"}


@router.get("/overview")
async def overview_page(desk: OverviewDesk, session: Session, parts: Parts, team: Team = None, after: After = None) -> Response:
    """The numbers."""
    team = team or None
    scope = desk.caller.scope
    alerts = (await list_alerts(desk.caller, session, limit=A_PAGE)).items if desk.may("alerts.read") else []
    return desk.html(
        "overview/numbers.html",
        numbers=await overview(session, parts, scope, team=team),
        team=team,
        chosen=await session.get(CareTeam, team) if team else None,
        teams=await by_team(session, parts, scope, limit=A_PAGE, after=after) if team is None else None,
        alerts=alerts,
        lost_after=LOST_AFTER.days,
    )


@router.get("/overview/teams.csv")
async def teams_file(desk: OverviewDesk, session: Session, parts: Parts) -> Response:
    """Each team's numbers, a row a team."""
    rows: list[list[object]] = []
    after: str | None = None
    while True:
        page = await by_team(session, parts, desk.caller.scope, limit=200, after=after)
        for one in page.items:
            numbers, shares = one.numbers, one.numbers.shares
            rows.append(
                [one.team, one.name, numbers.as_of, numbers.patients_by_life.get("active", 0)]
                + [getattr(shares, name) for name in ("covered", "on_time", "controlled", "closed", "arrived")]
                + [numbers.follow_up.get(name, 0) for name in ("overdue", "lost")]
                + [numbers.patients_by_reach.get("unreachable", 0), sum(numbers.open_tasks.values()), numbers.overdue_tasks]
                + [numbers.visits_done, numbers.calls_made, *numbers.ahead]
            )
        after = page.next
        if after is None:
            break
    names = ["team", "name", "counted", "in_care", "covered", "on_time", "controlled", "closed", "arrived", "overdue", "lost"]
    names += ["unreachable", "open_tasks", "overdue_tasks", "visits_done", "calls_made"]
    names += [f"due_week_{week}" for week in range(8)]
    return _file("cairn-teams.csv", [names, *rows])


@router.get("/overview/people")
async def people_page(desk: PeopleDesk, session: Session, parts: Parts, of: Of, team: Team = None, after: After = None) -> Response:
    """Whom a number counts."""
    page = await people_behind(session, parts, desk.caller.scope, of, team=team or None, limit=A_PAGE, after=after)
    teams = {one.id: one.name for one in await Worklist(session).teams(desk.caller.scope)}
    return desk.html(
        "overview/more.html" if desk.within else "overview/people.html",
        page=page,
        of=of,
        team=team or None,
        teams=teams,
        title=TITLES.get(of, ""),
        called=_called(of, desk.language),
    )


@router.get("/overview/people.csv")
async def people_file(desk: PeopleDesk, parts: Parts, of: Of, team: Team = None) -> Response:
    """The same as a file."""
    async with parts.database.reading() as session:  # whatever is wrong is said before the file begins
        await people_behind(session, parts, desk.caller.scope, of, team=team or None, limit=1, after=None)
    return StreamingResponse(
        _lines(parts, parts.database, desk, of, team or None),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="cairn-people.csv"'},
    )


@router.post("/overview/alerts/{alert_id}/seen")
async def alert_seen(desk: Annotated[Desk, at("alerts.see")], parts: Parts, alert_id: str) -> Response:
    """Somebody looks after it."""
    await see_alert(desk.caller, parts, alert_id)
    return desk.go("/overview#alerts", said="alert_seen")


async def _lines(parts: ApiParts, database: Database, desk: Desk, of: str, team: str | None) -> AsyncIterator[str]:
    yield "\ufeff" + _written([["id", "name", "tag", "care_team", "since", "follow_up_due", "last_visit", "reach"]])
    after, sent = None, 0
    while sent < IN_A_FILE:
        async with database.reading() as session:
            page = await people_behind(session, parts, desk.caller.scope, of, team=team, limit=200, after=after)
        yield _written(map(_cells, page.items))
        after, sent = page.next, sent + len(page.items)
        if after is None:
            return


def _cells(one: CountedOut) -> list[object]:
    days: list[date | None] = [one.since, one.follow_up_due, one.last_visit]
    return [one.patient, one.name, one.tag, one.care_team, *days, one.reach]


def _called(of: str, language: str) -> str:
    figure, _, code = of.partition(":")
    return word(SECTIONS.get(figure, "words"), code, language)


def _file(name: str, rows: Iterable[Iterable[object]]) -> Response:
    return Response(
        "\ufeff" + _written(rows),  # without the mark a spreadsheet takes Chinese for something else
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _written(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([[harmless(cell) for cell in row] for row in rows])
    return text.getvalue()


def harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + cell
    return "" if cell is None else cell
