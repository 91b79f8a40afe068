"""The parts of a person's page, each asked for when it is wanted; without a script each is a page of its own.

Rule: a part opens a bounded number of sealed records; what is older comes when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import select

from api.ahead import standing_of
from api.console.desk import Desk, at
from api.console.pages.patients.drawing import TagDrawing, YearDrawing, strip
from api.console.pages.patients.known import Whom, whom
from api.console.pages.patients.person import PARTS
from api.depends import Parts, Session
from api.models.requests import ReferralOut
from api.models.story import TimelineLine
from api.problems import Problem, not_found
from api.routes.why import read_why
from api.showing.came_of import behind
from api.showing.measured import pictures
from api.showing.requests import show_referrals
from api.showing.rolled import rolled
from api.showing.story import message, timeline_line
from api.showing.supply import medicines
from api.showing.tags import CODES, MOST, bands
from pathways.engine.calendar import at_local, local_day
from pathways.engine.limits import STAGES
from pathways.engine.plan import Text
from records.measured import Measured
from records.messages import Messages
from records.referrals import OPEN
from records.tables import Organisation, ReferralRow
from records.timeline import Timeline
from records.vault import PersonVault

router = APIRouter(include_in_schema=False)
Reads = Annotated[Desk, at("patients.read")]
After = Annotated[str | None, Query(max_length=400)]

LINES, TEXTS, MEASURES, ASKED = 25, 15, 60, 12
SOON = 6  # of what lies ahead, in words
_NOON = time(12)


@router.get("/patients/{patient_id}/tags")
async def tags_part(desk: Reads, session: Session, parts: Parts, patient_id: str) -> Response:
    """The tag over time, one band for each pathway."""
    them, person = await _opened(desk, session, parts, patient_id)
    lines = await Timeline(session).of_codes(person, CODES, limit=MOST)
    found = [] if them.state is None else bands(lines, them.plan, them.state, them.patient.timezone, desk.language)
    return _part(desk, "tags", them, drawings=[TagDrawing.of(band, them.today) for band in found])


@router.get("/patients/{patient_id}/ahead")
async def ahead_part(desk: Reads, session: Session, parts: Parts, patient_id: str) -> Response:
    """Twelve months on a strip, and as a table."""
    them, person = await _opened(desk, session, parts, patient_id, rules=True)
    try:
        plan = await (await standing_of(session, parts, them.found, person, left=them.state)).year(desk.language)
    except Problem as problem:
        if problem.status != 409:
            raise
        return _part(desk, "ahead", them, plan=None, drawing=None, soon=[], problem=problem.detail)
    soon = [one for one in plan.items if one.kind not in ("reminder", "message")][:SOON]
    return _part(desk, "ahead", them, plan=plan, drawing=strip(plan), soon=soon, problem="")


@router.get("/patients/{patient_id}/readings")
async def readings_part(desk: Reads, session: Session, parts: Parts, patient_id: str) -> Response:
    """Curves with their bands; a table beneath says the same."""
    them, person = await _opened(desk, session, parts, patient_id)
    told = await Measured(session, person).newest(MEASURES)
    state = them.state
    drawn = [] if state is None else pictures(told, them.plan, state.person, them.today, desk.language)
    in_words = (
        [] if state is None else [(name, one) for name, one in state.readings.items() if not isinstance(one.value, float | int)]
    )
    labels = {name: reading.label for pathway in them.plan.pathways.values() for name, reading in pathway.readings.items()}
    return _part(desk, "readings", them, pictures=drawn, in_words=in_words, labels=labels)


@router.get("/patients/{patient_id}/medicines")
async def medicines_part(desk: Reads, session: Session, parts: Parts, patient_id: str) -> Response:
    """What is at home, for how long, and on which days it was."""
    them, person = await _opened(desk, session, parts, patient_id)
    if them.state is None:
        return _part(desk, "medicines", them, medicines=[], classes=[], year=YearDrawing(them.today))
    found, classes = await medicines(session, them.patient, person, them.state, them.today, desk.language)
    return _part(desk, "medicines", them, medicines=found, classes=classes, year=YearDrawing(them.today))


@dataclass(frozen=True, slots=True)
class Waits:
    """A referral as a person's page shows it. ``by``: until when the next word is expected, None where nothing says."""

    referral: ReferralOut
    place: str
    open: bool
    by: datetime | None

    @property
    def measured(self) -> dict[str, object]:
        """What its row read, where it is a number that was measured."""
        told = self.referral.summary.inputs
        return {name: value for name, value in told.items() if isinstance(value, float) and "." not in name and name != "age"}


@router.get("/patients/{patient_id}/referrals")
async def referrals_part(desk: Reads, session: Session, parts: Parts, patient_id: str) -> Response:
    """Where each stands, how long it waits, and its limit; the newest first."""
    them, _ = await _opened(desk, session, parts, patient_id)
    newest = select(ReferralRow).where(ReferralRow.patient_id == patient_id).order_by(ReferralRow.asked.desc()).limit(ASKED)
    rows = list(await session.scalars(newest))
    waiting = [] if them.state is None else [one for one in them.state.referrals.values() if one.stage == "to_confirm"]
    if not rows:
        return _part(desk, "referrals", them, referrals=(), waiting=waiting)
    shown = await show_referrals(them.showing, rows)
    named = {
        place.id: place.name
        for place in await session.scalars(select(Organisation).where(Organisation.id.in_({row.place_id for row in rows})))
    }
    plan, _wording = await parts.plans.of(session, patient_id)
    keys = {} if them.state is None else them.state.referrals
    found: list[Waits] = []
    for row, one in zip(rows, shown, strict=True):
        by: datetime | None = None
        if one.stage in OPEN and one.stage in STAGES:
            stood = keys.get(row.referral)
            pathway = plan.pathways.get(stood.pathway) if stood is not None else None
            service = pathway.services.get(stood.service) if pathway is not None and stood is not None else None
            span = plan.limits.of(one.urgency, one.stage, service.answer_within.get(one.urgency) if service else None)
            begins = one.since if one.day is None or one.stage != "booked" else at_local(one.day, _NOON, them.patient.timezone)
            by = begins + span.within
        found.append(Waits(one, named.get(one.place, one.place), one.stage in OPEN, by))
    return _part(desk, "referrals", them, referrals=found, waiting=waiting)


@router.get("/patients/{patient_id}/messages")
async def messages_part(desk: Reads, session: Session, parts: Parts, patient_id: str, after: After = None) -> Response:
    """What went and came, the oldest of the newest first, as people talk."""
    them, person = await _opened(desk, session, parts, patient_id)
    page = await Messages(session).page(person, limit=TEXTS, after=after)
    texts = [message(text) for text in reversed(page.items)]
    return _part(desk, "messages", them, texts=texts, next=page.next, whole=after is None or not desk.within)


@router.get("/patients/{patient_id}/timeline")
async def timeline_part(desk: Reads, session: Session, parts: Parts, patient_id: str, after: After = None) -> Response:
    """Every reason, the newest first, by day; each opens on what it rests on."""
    them, person = await _opened(desk, session, parts, patient_id)
    page = await Timeline(session).of(person, limit=LINES, after=after, newest_first=True)
    titles = them.services
    rollouts = await rolled(session, [found.reason for found in page.items])
    known = await behind(session, person, page.items, them.patient.timezone)

    def called(pathway: str, _version: str, service: str) -> Text:
        return titles.get((pathway, service), {})

    lines = [timeline_line(found, desk.language, called, rollouts, known) for found in page.items]

    def on(line: TimelineLine) -> date:
        return local_day(line.at, them.patient.timezone)

    days = [(day, list(of_day)) for day, of_day in groupby(lines, key=on)]
    return _part(desk, "timeline", them, days=days, next=page.next, whole=after is None or not desk.within)


@router.get("/patients/{patient_id}/why")
async def why_part(
    desk: Reads,
    session: Session,
    parts: Parts,
    patient_id: str,
    service: Annotated[str, Query(max_length=80)] = "",
    day: date | None = None,
    message: Annotated[str, Query(max_length=120)] = "",
    referral: Annotated[str, Query(max_length=120)] = "",
) -> Response:
    """Why, and why not: the answer of the API's own route, in place."""
    them, _ = await _opened(desk, session, parts, patient_id)
    answer = await read_why(
        desk.caller,
        session,
        parts,
        patient_id,
        service=service,
        day=day,
        message=message,
        referral=referral,
        pathway="",
        language=desk.language,
    )
    return _part(desk, "why", them, answer=answer)


async def _opened(desk: Desk, session: Session, parts: Parts, patient_id: str, *, rules: bool = False) -> tuple[Whom, PersonVault]:
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language, rules=rules)
    if them.person is None:
        raise not_found()
    return them, them.person


def _part(desk: Desk, name: str, them: Whom, **shown: Any) -> Response:
    template = f"patients/parts/{name}.html" if desk.within else "patients/part.html"
    return desk.html(template, them=them, part=name, heading=PARTS.get(name, ""), **shown)
