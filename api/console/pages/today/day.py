"""Today's list: what is to be done, in the order that matters, each line with its reason.

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
from api.depends import Parts, Session, today_at
from api.models.work import VisitOut, WorklistTask
from api.problems import Problem, not_found
from api.routes.worklist import changes_of, watched
from api.showing.patients import Showing, brief
from api.showing.tasks import show_tasks
from api.showing.worklist import show_visits, with_overdue
from records.daylist import ASKED, GROUPS, SEES_PATIENTS, Counts, DayList, Filter, Line, rows_of
from records.patient_list import PatientList
from records.patients import Patients
from records.tables import CareTeam
from records.worklist import Worklist

router = APIRouter(include_in_schema=False)

AT_ONCE, ON_PAPER = 12, 200  # a line costs about a millisecond; a screen shows eight
TEAMS = 60  # as many as a choice shows
RIGHT = "worklist.read"
SHOWS = {"mine": N_("For you"), "team": N_("Whole team"), "answers": N_("Waiting for an answer")}
#: What a task is begun with; the others are looked at first.
CALLS = frozenset(
    {
        "phone_call", "phone_reminder", "urgent_call", "call_about_reading", "refill_gap", "search", "check_on_rest",
        "find_another_day", "confirm_number", "new_number_danger", "ask_about_pause", "find_number",
        "referral_not_attended", "chase_referral",
    }
)  # fmt: skip
RECORDS = frozenset({"home_visit", "complete_readings", "recheck_finding"})


@dataclass(frozen=True, slots=True)
class Row:
    """A line as it is shown: either a visit or a task."""

    line: Line
    visit: VisitOut | None = None
    task: WorklistTask | None = None

    @property
    def id(self) -> str:
        return f"line-{self.line.patient_id}-{self.task.key if self.task else 'visit'}"

    @property
    def person(self) -> Any:
        return self.visit.patient if self.visit else self.task.patient if self.task else None

    @property
    def why(self) -> str:
        return self.visit.why if self.visit else self.task.why if self.task else ""

    @property
    def overdue(self) -> int:
        return self.visit.overdue_days if self.visit else self.task.overdue_days if self.task else 0

    @property
    def begins_with(self) -> str:
        """What is done first: record, call, or look."""
        if self.task is None or self.task.kind in RECORDS:
            return "record"
        return "call" if self.task.kind in CALLS else "look"


@dataclass(frozen=True, slots=True)
class Shown:
    """Which list somebody looks at."""

    team: CareTeam
    on: date
    today: date
    show: str
    usual: str
    teams: Sequence[CareTeam]

    def chosen(self, desk: Desk) -> Filter:
        if self.show == "answers":
            return Filter(kinds=ASKED)
        return Filter(desk.caller.role, desk.caller.id) if self.show == "mine" else Filter()

    def address(self, **changed: Any) -> str:
        """Of this list, or of another one beside it."""
        of = {"on": self.on if self.on != self.today else None, "team": self.team.id if len(self.teams) > 1 else None}
        of |= {"show": self.show, **changed}
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
    saved: Annotated[str, Query(max_length=80)] = "",
    whole: bool = False,
) -> Response:
    """One team's day."""
    shown = await _shown(desk, session, team, on, show)
    days = DayList(session, shown.team.id, shown.on)
    chosen = shown.chosen(desk)
    page = await days.page(chosen, limit=ON_PAPER if whole else AT_ONCE)
    counts = await days.counts(chosen)
    midnight = datetime.combine(shown.on, time(), ZoneInfo(shown.team.timezone))
    return desk.html(
        "today/day.html",
        shown=shown,
        rows=await _rows(desk, session, shown, page.items),
        counts=counts,
        more=page.next,
        done=await days.done(midnight) if shown.on == shown.today else None,
        following=await days.following() if not page.items else None,
        before=shown.on - timedelta(days=1),
        after=shown.on + timedelta(days=1),
        groups=GROUPS,
        last_group="",
        shows=_shows(desk, counts),
        saved=await _saved(desk, session, saved) if saved else None,
        whole=whole,
    )


@router.get("/today/rows")
async def more_rows(
    desk: Annotated[Desk, at(RIGHT)],
    session: Session,
    team: Annotated[str | None, Query(max_length=40)] = None,
    on: date | None = None,
    show: str = "",
    after: Annotated[str | None, Query(max_length=400)] = None,
    group: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """The lines behind those that are shown."""
    shown = await _shown(desk, session, team, on, show)
    page = await DayList(session, shown.team.id, shown.on).page(shown.chosen(desk), limit=AT_ONCE, after=after)
    rows = await _rows(desk, session, shown, page.items)
    return desk.html("today/rows.html", shown=shown, rows=rows, more=page.next, last_group=group)


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


async def _shown(desk: Desk, session: AsyncSession, team: str | None, on: date | None, show: str) -> Shown:
    """Which list is asked for; the caller's first team's where none is named. Raises Problem 404."""
    work, scope = Worklist(session), desk.caller.scope
    teams = await work.teams(scope, limit=TEAMS)
    chosen = await work.team(scope, team) if team else teams[0] if teams else None
    if chosen is None:
        raise not_found()
    today = await today_at(desk.parts, session, chosen)
    usual = "mine" if desk.caller.role in ("health_manager", "doctor") else "team"
    return Shown(chosen, _within_reach(on, today), today, show if show in SHOWS else usual, usual, teams)


def _within_reach(on: date | None, today: date) -> date:
    if on is not None and not timedelta(days=-400) <= on - today <= timedelta(days=400):
        raise Problem(422, "This list has the days within a year of today.")
    return on or today


async def _rows(desk: Desk, session: AsyncSession, shown: Shown, lines: Sequence[Line]) -> list[Row]:
    patients, tasks = await rows_of(session, desk.caller.scope, lines)
    showing = Showing(session, desk.parts.vault, desk.parts.plans, desk.language)
    await showing.reads(patients)
    expected = [patients[line.patient_id] for line in lines if line.is_visit and line.patient_id in patients]
    waiting = [task for line in lines if (task := tasks.get((line.patient_id, line.key))) is not None]
    visits = {visit.patient.id: visit for visit in await show_visits(showing, expected, on=shown.on)}
    worked = {(one.patient.id, one.key): one for one in with_overdue(await show_tasks(showing, waiting), on=shown.on)}
    rows = [
        Row(line, visits.get(line.patient_id) if line.is_visit else None, worked.get((line.patient_id, line.key))) for line in lines
    ]
    return [row for row in rows if row.visit is not None or row.task is not None]


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
