"""The supervisor's page: where people are getting lost, in numbers that open the list of people behind them."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from markupsafe import Markup, escape

from api.console.desk import N_, NOTICES, Desk, at
from api.console.render import number, percent
from api.depends import Parts, Session
from api.models.alerts import AlertOut
from api.models.overview import CountedOut
from api.overviewing import by_team, counted_on, of_all_and_each, overview, people_behind
from api.parts import ApiParts
from api.routes.alerts import see_alert, standing
from api.showing.words import word
from records.database import Database
from records.figures import AHEAD, LOAD_KINDS, LOAD_WEEKS, LOST_AFTER
from records.tables import CareTeam
from records.worklist import Worklist

A_PAGE = 25
TEAMS, MORE_TEAMS = 8, 50
"""Care teams beneath the numbers at first, those furthest behind; and at a time for whoever goes on."""

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
    "texts:arrived": N_("Texts that arrived"),
    "texts:late": N_("Texts that should have gone out"),
    "late:steps": N_("People whose due moment nobody came for"),
    "done:visit_completed": N_("Visits of the last thirty days"),
    "done:call_made": N_("Calls of the last thirty days"),
    "done:answer_received": N_("Answers of the last thirty days"),
    "done:dispensed": N_("Dispenses of the last thirty days"),
    "asked:evidence": N_("Referrals of the last ninety days, closed on evidence"),
    "asked:open": N_("Referrals of the last ninety days, still open"),
    "asked:without": N_("Referrals of the last ninety days that ended without evidence"),
    "load:visit": N_("Visits foreseen"),
    "load:screening": N_("Tests and screenings foreseen"),
    "load:call": N_("Calls foreseen"),
    "load:task": N_("Other tasks foreseen"),
    "ahead": N_("Follow-up falls due"),
    "overdue:tasks": N_("Tasks overdue"),
}
#: In which order a list is, by its figure.
ORDERS: Mapping[str, str] = {
    **dict.fromkeys(
        ("follow_up", "seen", "task", "overdue", "referral", "asked", "refill", "late"), N_("those who waited longest first")
    ),
    **dict.fromkeys(("ahead", "load"), N_("the soonest first")),
    **dict.fromkeys(("done", "texts"), N_("the oldest first")),
}
#: Whom an alert concerns, by its kind, and under which of its counts they are.
CONCERNED: Mapping[str, tuple[str, str]] = {
    "not_handed_over": ("texts:late", "waiting"),
    "not_stepped": ("late:steps", "people"),
    "not_arriving": ("texts:lost", "lost"),
}
OF_WEEKS = ("ahead:", "load:")  # numbers of some weeks ahead
#: In which section of the words a figure's codes are.
SECTIONS: Mapping[str, str] = {"task": "tasks"}


@dataclass(frozen=True)
class Opening:
    """Writes a number that opens the list of people behind it, for whoever may see them. A page has some three hundred; as macros
    of a template they were two thirds of its time.
    """

    language: str
    team: str | None
    may: bool

    def people(self, of: str, count: int | None, team: str | None = None) -> Markup:
        """A count."""
        return self._written(of, number(count or 0, self.language), self.may and bool(count), team)

    def part(self, of: str, share: float | None, team: str | None = None) -> Markup:
        """A share from 0 to 1."""
        return self._written(of, percent(share, self.language), self.may and bool(share), team)

    def _written(self, of: str, text: str, opens: bool, team: str | None) -> Markup:
        whose = team or self.team
        at = f"of={_quoted(of)}&amp;team={_quoted(whose)}" if whose else f"of={_quoted(of)}"
        return Markup(f'<a href="/overview/people?{at}">{escape(text)}</a>') if opens else escape(text)


_quoted = lru_cache(4096)(quote)


@router.get("/overview")
async def overview_page(desk: OverviewDesk, session: Session, parts: Parts, team: Team = None, after: After = None) -> Response:
    """The numbers."""
    team = team or None
    scope = desk.caller.scope
    if team is None:
        numbers, teams = await of_all_and_each(session, parts, scope, limit=MORE_TEAMS if after else TEAMS, after=after)
    else:
        numbers, teams = await overview(session, parts, scope, team=team), None
    return desk.html(
        "overview/numbers.html",
        numbers=numbers,
        weeks=[(numbers.as_of or numbers.now).date() + timedelta(weeks=week) for week in range(LOAD_WEEKS)],
        alarming=_alarming,
        team=team,
        chosen=await session.get(CareTeam, team) if team else None,
        teams=teams,
        alerts=await standing(session, desk.caller, limit=A_PAGE),
        lost_after=LOST_AFTER.days,
        opens=Opening(desk.language, team, desk.may("overview.people")),
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
                + [count for kind in LOAD_KINDS for count in numbers.load[kind]]
                + numbers.room
            )
        after = page.next
        if after is None:
            break
    names = ["team", "name", "counted", "in_care", "covered", "on_time", "controlled", "closed", "arrived", "overdue", "lost"]
    names += ["unreachable", "open_tasks", "overdue_tasks", "visits_done", "calls_made"]
    names += [f"due_week_{week}" for week in range(AHEAD)]
    names += [f"{kind}_foreseen_week_{week}" for kind in LOAD_KINDS for week in range(LOAD_WEEKS)]
    names += [f"room_week_{week}" for week in range(LOAD_WEEKS)]
    return csv_file("cairn-teams.csv", [names, *rows])


@router.get("/overview/people")
async def people_page(desk: PeopleDesk, session: Session, parts: Parts, of: Of, team: Team = None, after: After = None) -> Response:
    """Whom a number counts."""
    page = await people_behind(session, parts, desk.caller.scope, of, team=team or None, limit=A_PAGE, after=after)
    teams = await Worklist(session).names({one.care_team for one in page.items} | ({team} if team else set()))
    return desk.html(
        "overview/more.html" if desk.within else "overview/people.html",
        page=page,
        of=of,
        team=team or None,
        teams=teams,
        title=TITLES.get(of) or TITLES.get(of.partition(".")[0]) or TITLES.get(of.partition(":")[0], ""),
        span=_span(of, await counted_on(session, parts, desk.caller.scope)) if of.startswith(OF_WEEKS) else None,
        order=ORDERS.get(of.partition(":")[0], ""),
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


def _alarming(alert: AlertOut) -> tuple[str, int]:
    """The list of whom an alert concerns, and how many they are."""
    of, count = CONCERNED.get(alert.kind, ("", ""))
    return of, int(alert.counts.get(count) or 0)


def _span(of: str, counted: date) -> tuple[date, date]:
    """The days that a number of weeks ahead is of."""
    first, _, last = of.rpartition(":")[2].rpartition(".")[2].partition("-")
    return counted + timedelta(weeks=int(first)), counted + timedelta(weeks=int(last or first) + 1, days=-1)


def _called(of: str, language: str) -> str:
    figure, _, code = of.partition(":")
    return word(SECTIONS.get(figure, "words"), code, language)


def csv_file(name: str, rows: Iterable[Iterable[object]]) -> Response:
    """Rows as a file that every spreadsheet reads."""
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
