"""A list of people is sent as one file: every row is checked, then they are enrolled, and what was not taken comes back.

Rule 1: nobody is stored before whoever sent the file has seen what each row comes to.
Rule 2: it goes on while the page is open, a few people with each request; left and opened again, it goes on where it was.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk, at
from api.console.forms import Form
from api.console.pages.overview import csv_file
from api.depends import Parts, Session
from api.parts import ApiParts
from api.problems import Fault, Problem, not_found
from api.rostering import LARGEST, MOST_ROWS, Unreadable, cells_of, check, go_on, not_taken
from api.showing.findings import ROWS, in_words
from records.intake import ROSTER_COLUMNS
from records.rosters import KEPT, Opened, Rosters
from records.worklist import Worklist

router = APIRouter(include_in_schema=False)
Enrols = Annotated[Desk, at("patients.enrol")]
NAMED = 200  # teams to choose from
EARLIER = 5  # uploads that are shown again
SHOWN = 200  # rows in each list of a page
WITHOUT_SCRIPT = 100  # people in one request that nobody repeats by itself
CHOOSE = N_("Choose a file.")
EXAMPLE = (
    ("identifier", "name", "sex", "born", "phone", "sms_consent", "language", "conditions", "last_visit", "bp", "medicines"),
    ("A-1001", "王秀英", "female", "1958-04-02", "13800000009", "yes", "zh-Hans", "hypertension", "2026-02-17", "152/88", ""),
    ("A-1002", "Zhang Wei", "male", "1961-11-30", "", "", "en", "hypertension;type2_diabetes", "", "", "metformin:2026-02-20:30"),
)


@router.get("/patients/roster")
async def roster_page(desk: Enrols, session: Session, parts: Parts) -> Response:
    """Where a file is sent, and what it may hold."""
    return await _form(desk, session, parts, Form())


@router.get("/patients/roster/example.csv")
async def roster_example(desk: Enrols) -> Response:
    """A file to begin with."""
    return csv_file("cairn-roster-example.csv", EXAMPLE)


@router.post("/patients/roster")
async def roster_sent(desk: Enrols, session: Session, parts: Parts) -> Response:
    """Checked and kept; nobody is stored."""
    form, scope = desk.form, desk.caller.scope
    content, team = form.files.get("file", b""), form.text("team") or None
    try:
        if not content:
            raise Problem(422, desk.say(CHOOSE), faults=[Fault("file", desk.say(CHOOSE), "")])
        if team is not None and not scope.covers_team(team):
            raise not_found()
        cells = cells_of(content)
        cells, lines = await check(parts, scope, cells, team=team, language=form.text("language"))
    except Unreadable as fault:
        what, remedy = (in_words(said, desk.language, ROWS) for said in (str(fault), fault.remedy))
        problem = Problem(422, what, faults=[Fault("file", what, remedy)])
        return await _form(desk, session, parts, form.refused(problem), status=422)
    except Problem as problem:
        if problem.status != 422:
            raise
        return await _form(desk, session, parts, form.refused(problem), status=422)
    async with parts.database.begin() as writing:
        row = Rosters(writing, parts.vault).add(desk.caller.id, cells, lines, at=await parts.clock.now(writing))
        id_ = row.id
    return desk.go(f"/patients/roster/{id_}")


@router.get("/patients/roster/{roster_id}")
async def roster_seen(desk: Enrols, session: Session, parts: Parts, roster_id: str) -> Response:
    """What every row comes to, or came to."""
    seen = await _theirs(desk, session, parts, roster_id)
    counts: dict[str, int] = {}
    for line in seen.lines:
        counts[line.status] = counts.get(line.status, 0) + 1
    return desk.html(
        "patients/roster_seen.html",
        seen=seen,
        counts=counts,
        refused=[line for line in seen.lines if line.what][:SHOWN],
        noted=[line for line in seen.lines if line.notes and not line.what][:SHOWN],
        most=SHOWN,
    )


@router.post("/patients/roster/{roster_id}/go")
async def roster_goes_on(desk: Enrols, session: Session, parts: Parts, roster_id: str) -> Response:
    """Some more of them; a script asks for this again until all are through."""
    seen = await _theirs(desk, session, parts, roster_id)
    if seen.row.status == "checked":
        async with parts.database.begin() as writing:
            await Rosters(writing, parts.vault).begin(seen)
    elif seen.row.status == "running":
        await go_on(parts, desk.caller.scope, seen, **({} if desk.within else {"most": WITHOUT_SCRIPT}))
    if not desk.within:
        return desk.go(f"/patients/roster/{roster_id}")
    async with parts.database.reading() as after:
        seen = await _theirs(desk, after, parts, roster_id)
    if seen.row.status == "done":
        return desk.go(f"/patients/roster/{roster_id}")
    return desk.html("patients/roster_progress.html", seen=seen)


@router.get("/patients/roster/{roster_id}/left.csv")
async def roster_left(desk: Enrols, session: Session, parts: Parts, roster_id: str) -> Response:
    """The rows that were not taken, each with the reason, to be mended and sent again."""
    return csv_file("cairn-not-taken.csv", not_taken(await _theirs(desk, session, parts, roster_id), desk.language))


async def _theirs(desk: Desk, session: AsyncSession, parts: ApiParts, roster_id: str) -> Opened:
    seen = await Rosters(session, parts.vault).one(roster_id, desk.caller.id)
    if seen is None:
        raise not_found()
    return seen


async def _form(desk: Desk, session: AsyncSession, parts: ApiParts, form: Form, *, status: int = 200) -> Response:
    scope = desk.caller.scope
    return desk.html(
        "patients/roster.html",
        status=status,
        form=form,
        teams=[] if scope.team else await Worklist(session).teams(scope, limit=NAMED),
        earlier=await Rosters(session, parts.vault).of(desk.caller.id, limit=EARLIER),
        columns=ROSTER_COLUMNS,
        most=MOST_ROWS,
        largest=LARGEST // 1024,
        days=KEPT.days,
    )
