"""Today's list: for whom something is to be done, in the order that matters, each line with its reasons.

Rule 1: the order is decided without opening a record; a page opens those that it shows, and the rest is loaded when it is wanted.
Rule 2: what somebody else has taken stays on the list, and says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk, at
from api.console.pages.today.kinds import CALLS, RECORDS
from api.depends import Parts, Session, today_at
from api.problems import Problem, not_found
from api.routes.worklist import changes_of, watched
from api.showing.daylist import Job, Person, show_day, show_done
from api.showing.patients import Showing, brief
from records.daylist import ASKED, GROUPS, SEES_PATIENTS, VISITS, Counts, DayList, Filter, Line
from records.patient_list import PatientList
from records.patients import Patients
from records.tables import CareTeam
from records.worklist import Worklist

router = APIRouter(include_in_schema=False)

AT_ONCE, ON_PAPER = 7, 200  # as many as a screen shows; the next ones come as they are scrolled to
TEAMS = 60  # as many as a choice shows
RIGHT = "worklist.read"
GROUPED = {
    "urgent": N_("At once"),
    "red": N_("Red"),
    "overdue": N_("Overdue"),
    "today": N_("For this day"),
    "later": N_("Within a week"),
}
SHOWS = {"mine": N_("For you"), "team": N_("Whole team"), "answers": N_("Waiting for an answer")}


@dataclass(frozen=True, slots=True)
class Row:
    """A line as it is shown: somebody, with the job that is done first."""

    person: Person

    @property
    def first(self) -> Job:
        return self.person.jobs[0]

    @property
    def others(self) -> Sequence[Job]:
        return self.person.jobs[1:]

    @property
    def calls(self) -> str:
        """The key of the task that a call is for: the most pressing that takes one, else the first; empty for a visit."""
        keys = (job.key for job in self.person.jobs if job.kind in CALLS)
        return next(keys, self.first.key)

    @property
    def begins_with(self) -> str:
        """What is done first: record, call, or look."""
        if self.first.is_visit or self.first.examines or self.first.kind in RECORDS:
            return "record"
        return "call" if self.first.kind in CALLS else "look"


@dataclass(frozen=True, slots=True)
class Shown:
    """Which list somebody looks at."""

    team: CareTeam
    on: date
    today: date
    show: str
    usual: str
    only: str
    teams: Sequence[CareTeam]

    def chosen(self, desk: Desk) -> Filter:
        if self.show == "answers":
            return Filter(kinds=ASKED, only=self.only)
        mine = self.show == "mine"
        return Filter(desk.caller.role if mine else "", desk.caller.id if mine else "", only=self.only)

    def address(self, **changed: Any) -> str:
        """Of this list, or of another one beside it."""
        of = {"on": self.on if self.on != self.today else None, "team": self.team.id if len(self.teams) > 1 else None}
        of |= {"show": self.show, "only": self.only or None, **changed}
        if of["show"] == self.usual:
            del of["show"]
        kept = {name: str(value) for name, value in of.items() if value is not None}
        return f"/today?{urlencode(kept)}" if kept else "/today"


@router.get("/today")
async def today_page(
    desk: Annotated[Desk, at(RIGHT)],
    session: Session,
    parts: Parts,
    team: Annotated[str | None, Query(max_length=40)] = None,
    on: date | None = None,
    show: str = "",
    only: str = "",
    saved: Annotated[str, Query(max_length=80)] = "",
    whole: bool = False,
) -> Response:
    """One team's day."""
    shown = await _shown(desk, session, team, on, show, only)
    days = DayList(session, shown.team.id, shown.on)
    chosen = shown.chosen(desk)
    begun = await days.first(chosen, limit=ON_PAPER if whole else AT_ONCE, since=_began(shown))
    rows = await _rows(desk, days, chosen, begun.page.items)
    return desk.html(
        "today/day.html",
        shown=shown,
        rows=rows,
        counts=begun.counts,
        more=begun.page.next,
        done=begun.done if shown.on == shown.today else None,
        done_at=f"/today/done?team={shown.team.id}",
        following=await days.following() if not rows else None,
        before=shown.on - timedelta(days=1),
        after=shown.on + timedelta(days=1),
        counted=_counted(begun.counts),
        last_group="",
        grouped=GROUPED,
        shows=_shows(desk, begun.counts),
        saved=await _saved(desk, session, saved) if saved else None,
        whole=whole,
        at_once=AT_ONCE,
    )


@router.get("/today/rows")
async def more_rows(
    desk: Annotated[Desk, at(RIGHT)],
    session: Session,
    team: Annotated[str | None, Query(max_length=40)] = None,
    on: date | None = None,
    show: str = "",
    only: str = "",
    after: Annotated[str | None, Query(max_length=400)] = None,
    group: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """The lines behind those that are shown."""
    shown = await _shown(desk, session, team, on, show, only)
    days, chosen = DayList(session, shown.team.id, shown.on), shown.chosen(desk)
    page = await days.page(chosen, limit=AT_ONCE, after=after)
    rows = await _rows(desk, days, chosen, page.items)
    return desk.html("today/rows.html", shown=shown, rows=rows, more=page.next, last_group=group, grouped=GROUPED)


@router.get("/today/done")
async def done_page(
    desk: Annotated[Desk, at(RIGHT)],
    session: Session,
    team: Annotated[str | None, Query(max_length=40)] = None,
    on: date | None = None,
) -> Response:
    """Who was seen on the day, and whose tasks were finished."""
    shown = await _shown(desk, session, team, on, "", "")
    done = await DayList(session, shown.team.id, shown.on).finished(desk.caller.scope, since=_began(shown), limit=ON_PAPER)
    showing = Showing(session, desk.parts.vault, desk.parts.plans, desk.language)
    return desk.html("today/done.html", shown=shown, people=show_done(showing, done))


@router.get("/today/changes", response_class=EventSourceResponse)
async def changes(
    desk: Annotated[Desk, at(RIGHT)],
    parts: Parts,
    team: Annotated[str, Depends(watched)],
    last_event_id: Annotated[str | None, Header(max_length=40)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """A word whenever the list has changed, as ``/api/v1/worklist/changes`` has it."""
    async for pulse in changes_of(parts, desk.caller, team, key=desk.key, heard=last_event_id):
        yield pulse


async def _shown(desk: Desk, session: AsyncSession, team: str | None, on: date | None, show: str, only: str) -> Shown:
    """Which list is asked for; the caller's first team's where none is named. Raises Problem 404."""
    work, scope = Worklist(session), desk.caller.scope
    teams = await work.teams(scope, limit=TEAMS)
    chosen = await work.team(scope, team) if team else teams[0] if teams else None
    if chosen is None:
        raise not_found()
    today = await today_at(desk.parts, session, chosen)
    usual = "mine" if desk.caller.role in ("health_manager", "doctor") else "team"
    show, only = show if show in SHOWS else usual, only if only in (*GROUPS, VISITS) else ""
    return Shown(chosen, _within_reach(on, today), today, show, usual, only, teams)


def _began(shown: Shown) -> datetime:
    """When the day began where the team works."""
    return datetime.combine(shown.on, time(), ZoneInfo(shown.team.timezone))


def _within_reach(on: date | None, today: date) -> date:
    if on is not None and not timedelta(days=-400) <= on - today <= timedelta(days=400):
        raise Problem(422, "This list has the days within a year of today.")
    return on or today


async def _rows(desk: Desk, days: DayList, chosen: Filter, lines: Sequence[Line]) -> list[Row]:
    held = await days.held(desk.caller.scope, chosen, lines)
    showing = Showing(days.session, desk.parts.vault, desk.parts.plans, desk.language)
    return [Row(person) for person in await show_day(showing, held, on=days.on)]


def _counted(counts: Counts) -> list[tuple[str, str, int]]:
    """What is counted above the list: (what it is narrowed to, in words, people)."""
    groups = [(group, GROUPED[group], counts.by_group.get(group, 0)) for group in GROUPS]
    return [one for one in (*groups[:-1], (VISITS, N_("Visits"), counts.visits), groups[-1]) if one[2]]


def _shows(desk: Desk, counts: Counts) -> list[tuple[str, str, int | None]]:
    role = desk.caller.role
    own = [("mine", SHOWS["mine"], None)] if role in ("doctor", *SEES_PATIENTS) and role != "coordinator" else []
    return [*own, ("team", SHOWS["team"], None), ("answers", SHOWS["answers"], counts.asked)]


async def _saved(desk: Desk, session: AsyncSession, patient_id: str) -> Any:
    """How the patient stands of whom something was just recorded; None for one whom the caller does not see."""
    people = Patients(session, desk.parts.vault)
    patient = await people.in_scope(desk.caller.scope, patient_id)
    if patient is None:
        return None
    (listed,) = await PatientList(session, desk.parts.vault).listed([patient])
    return brief(listed)
