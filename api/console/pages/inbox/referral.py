"""One referral: what a hospital needs to know, how far it is, and the next steps, each with what it will do.

Rule 1: the place and the care team look at the same page, each with their own steps; what is refused there is refused by the API.
Rule 2: where somebody was quicker, the page says what has changed meanwhile and keeps what was typed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import answering
from api.console.desk import N_, Desk, at
from api.console.forms import Form, made, wrong
from api.console.pages.inbox.listing import referred
from api.console.pages.inbox.referral_steps import LIKELY, STEPS, Step
from api.depends import Parts, Session, now_of
from api.models.base import Happened, Written
from api.models.requests import Appointment, Cancellation, Instructions, Question, ReferralDetail, Refusal, Reply, Report
from api.parts import ApiParts
from api.problems import Fault, Problem
from api.referring import Answer
from api.showing.patients import Showing
from api.showing.referred import show_referral
from pathways.engine import calendar
from pathways.engine.plan import Plan, Reading
from records.feed import Feed, as_it_was
from records.inboxes import Inbox
from records.referrals import referrals
from records.requests import etag
from records.tables import Organisation, ReferralRow

MEASURED, MOST_MEASURED = "reading.", 6
router = APIRouter(include_in_schema=False)

ROAD = ("requested", "received", "accepted", "booked", "attended", "completed")
_ON_IT = {"in_progress": "attended", "sent_back": "completed", "not_attended": "booked"}
ENDED = frozenset({"refused", "cancelled", "aborted"})


@dataclass(frozen=True, slots=True)
class Milestone:
    """``stands``: done, now, ahead, or ended; ``at``: when it came there, where that is known."""

    stage: str
    stands: str
    at: datetime | None


@router.get("/inbox/referrals/{referral_id}")
async def referral_page(desk: Annotated[Desk, at("referrals.read")], session: Session, parts: Parts, referral_id: str) -> Response:
    """The referral, for the place that is asked and for the care team that asks."""
    return await _page(desk, session, parts, referral_id)


@router.post("/inbox/referrals/{referral_id}/answer")
async def answer_referral(
    desk: Annotated[Desk, at("referrals.answer")], session: Session, parts: Parts, referral_id: str
) -> Response:
    """The place's step, named by ``what``."""
    what = desk.form.text("what")
    try:
        step = STEPS.get(what)
        if step is None:
            raise wrong("what", N_("Choose one of the steps."))
        written = await _answer(desk, referral_id, what)
    except Problem as problem:
        return await _again(desk, session, parts, referral_id, problem)
    emergency = step.to == "accepted" and desk.form.text("urgency").startswith("emergency")
    return _done(desk, referral_id, written, f"referral_{step.to}" + ("_now" if emergency else ""))


@router.post("/inbox/referrals/{referral_id}/reply")
async def reply_to_it(desk: Annotated[Desk, at("referrals.reply")], session: Session, parts: Parts, referral_id: str) -> Response:
    """The care team's answer to what the place asked."""
    try:
        body = made(Reply, text=desk.form.text("text"))
        written = await Answer(desk.writing(), desk.caller.scope, referral_id, body).replies(body.text)
    except Problem as problem:
        return await _again(desk, session, parts, referral_id, problem)
    return _done(desk, referral_id, written, "referral_replied")


@router.post("/inbox/referrals/{referral_id}/cancel")
async def call_off(desk: Annotated[Desk, at("referrals.cancel")], session: Session, parts: Parts, referral_id: str) -> Response:
    """The care team does not need it any more."""
    try:
        body = made(Cancellation, reason=desk.form.text("reason"))
        taken = await Answer(desk.writing(), desk.caller.scope, referral_id, body).cancels(body.reason)
    except Problem as problem:
        return await _again(desk, session, parts, referral_id, problem)
    return _done(desk, referral_id, taken, f"referral_{taken.came}")


async def _answer(desk: Desk, referral_id: str, what: str) -> Written:
    def of(body: Happened) -> Answer:
        return Answer(desk.writing(), desk.caller.scope, referral_id, body)

    form = desk.form
    match what:
        case "refuse":
            no = made(Refusal, reason=form.text("reason"))
            return await of(no).moves("refused", ("reason", no.reason))
        case "ask":
            more = made(Question, question=form.text("question"))
            return await of(more).moves("more_asked", ("question", more.question))
        case "book":
            booked = made(Appointment, day=form.day("day"))
            return await of(booked).moves("booked", day=booked.day)
        case "complete":
            done = made(Report, report=form.text("report"))
            return await _with_readings(desk, of(done), lambda answer: answer.moves("completed", ("report", done.report)))
        case "send_back":
            back = made(Instructions, instructions=form.text("instructions"), report=form.text("found"))
            return await _with_readings(desk, of(back), lambda answer: answer.sends_back(back))
    step: Any = STEPS[what].to
    return await of(Happened()).moves(step)


async def _with_readings(desk: Desk, answer: Answer, report: Callable[[Answer], Awaitable[Written]]) -> Written:
    """Keep the report, and the readings that came with it; neither, where one of them cannot be used."""
    names = [name.removeprefix(MEASURED) for name in desk.form.values if name.startswith(MEASURED)]
    told = {name: number for name in names if (number := desk.form.number(MEASURED + name)) is not None}
    if not told or not _takes_readings(desk):
        return await report(answer)
    try:
        await answer.believes(told)
    except Problem as problem:
        faults = [Fault(MEASURED + one.field.rpartition(".")[2], _not_believed(desk, one.reason), "") for one in problem.faults]
        raise Problem(problem.status, problem.detail, faults=faults) from None
    written = await report(answer)
    writing = replace(answer.writing, given=f"{answer.writing.given}/readings" if answer.writing.given else None, if_match=None)
    await Answer(writing, answer.scope, answer.referral_id, Happened()).measured(told)
    return written


def _not_believed(desk: Desk, reason: str) -> str:
    """Why a number cannot be right, with what can."""
    between = re.search(r"(-?[\d.]+) to (-?[\d.]+)", reason)
    if between is None:
        return desk.say(N_("This number cannot be used. Measure again, or correct it."))
    said = N_("This cannot be right: it lies between %(low)s and %(high)s. Measure again, or correct it.")
    return desk.say(said) % {"low": between[1], "high": between[2]}


def _takes_readings(desk: Desk) -> bool:
    return desk.may("readings.send") or desk.may("patients.record")


def _asks(desk: Desk, plan: Plan, detail: ReferralDetail) -> Sequence[Reading]:
    """Numbers that a place may tell with its report: those that the pathway knows of the patient, what decided first."""
    pathway = plan.pathways.get(detail.summary.pathway)
    if pathway is None or detail.record is None or not _takes_readings(desk):
        return ()
    named = [*reversed(detail.summary.inputs), *(one.name for one in detail.record.readings)]
    found = (pathway.readings.get(name) for name in dict.fromkeys(named))
    return [one for one in found if one is not None and one.kind == "number"][:MOST_MEASURED]


def _units(plan: Plan, pathway: str) -> dict[str, str]:
    """By the names of a pathway's numbers, the units in which it reads them."""
    known = plan.pathways.get(pathway)
    return {} if known is None else {name: one.unit for name, one in known.readings.items() if one.unit}


def _done(desk: Desk, referral_id: str, written: Written, said: str) -> Response:
    return desk.go(f"/inbox/referrals/{referral_id}", said if written.acted_on else "stored_not_acted_on")


async def _again(desk: Desk, session: AsyncSession, parts: ApiParts, referral_id: str, problem: Problem) -> Response:
    """The page with what was typed and what was wrong with it. Raises the problem where it is none of the form's."""
    if problem.status not in (409, 412, 422):
        raise problem
    return await _page(desk, session, parts, referral_id, desk.refused(problem), quicker=problem.status == 412)


async def _page(
    desk: Desk, session: AsyncSession, parts: ApiParts, referral_id: str, form: Form | None = None, *, quicker: bool = False
) -> Response:
    row = await answering.one(referrals(session), desk.caller.scope, referral_id)
    showing = Showing(session, parts.vault, parts.plans, desk.language)
    detail = await show_referral(showing, row)
    now = await now_of(parts, session)
    (line,) = await referred(showing, [row], now)
    zone = line.whence.timezone
    plan = await showing.plan(row.patient_id)
    stages = await Inbox(session).stages(row.id)
    stands = row.goes_on or "received" if row.stage == "more_asked" else row.stage
    return desk.html(
        "inbox/referral.html",
        status=422 if form is not None else 200,
        line=line,
        referral=detail,
        place=await session.get_one(Organisation, row.place_id),
        before=await _before(session, row),
        read=etag(row),
        zone=zone,
        asks=_asks(desk, plan, detail),
        units=_units(plan, detail.summary.pathway),
        tomorrow=calendar.local_day(now, zone) + timedelta(days=1),
        road=road(stages, detail.stage, stands),
        steps=_steps(detail, stands) if desk.may("referrals.answer") else ((), ()),
        form=form,
        what=form.text("what") if form is not None else "",
        meanwhile=await _meanwhile(showing, row, stages, form, detail) if quicker and form is not None else None,
    )


def _steps(detail: ReferralDetail, stands: str) -> tuple[Sequence[Step], Sequence[Step]]:
    """What the place may do: what is likely, the likeliest first; and the rest."""
    again = detail.stage if detail.stage in ("completed", "sent_back", "booked", "more_asked") else ""
    may = {one.what: one for one in STEPS.values() if one.to in detail.moves or one.to == again}
    first = ("abort", *LIKELY.get(detail.stage, ())) if "abort" in may else LIKELY.get(detail.stage, LIKELY.get(stands, ()))
    likely = [may.pop(what) for what in first if what in may]
    return likely, list(may.values())


def road(stages: Sequence[tuple[int, str, datetime]], stage: str, stands: str) -> list[Milestone]:
    """How far it is, of all that mostly lies between asking and the report."""
    came: dict[str, datetime] = {}
    for _, one, moment in stages:
        came.setdefault(_ON_IT.get(one, one), moment)
    known = [one for one in ROAD if one in came]
    here = _ON_IT.get(stands, stands)
    if here not in ROAD:
        here = known[-1] if known else "requested"
    far = ROAD.index(here)
    made_of = []
    for n, one in enumerate(ROAD):
        shown = stage if one == here and stage in ("in_progress", "sent_back", "not_attended") else one
        now = "ended" if stage in ENDED else "done" if one == "completed" else "now"
        made_of.append(Milestone(shown, "done" if n < far else now if n == far else "ahead", came.get(one) if n <= far else None))
    if stage in ENDED:
        made_of = [*(replaced(one) for one in made_of[: far + 1]), Milestone(stage, "ended", came.get(stage))]
    return made_of


def replaced(one: Milestone) -> Milestone:
    """Behind us."""
    return Milestone(one.stage, "done", one.at)


async def _before(session: AsyncSession, row: ReferralRow) -> Sequence[tuple[str, str]]:
    """Other places that were asked the same: name and stage, the first first; a place itself is not shown them."""
    query = (
        select(Organisation.name, ReferralRow.stage)
        .join(Organisation, Organisation.id == ReferralRow.place_id)
        .where(ReferralRow.patient_id == row.patient_id, ReferralRow.referral == row.referral, ReferralRow.id != row.id)
        .order_by(ReferralRow.asked)
    )
    return [(name, stage) for name, stage in await session.execute(query)]


async def _meanwhile(
    showing: Showing, row: ReferralRow, stages: Sequence[tuple[int, str, datetime]], form: Form, detail: ReferralDetail
) -> dict[str, Any]:
    """What came since the version that was read: stages with their moments, and what was said."""
    read = form.text("read").strip('"')
    version = int(read) if read.isdecimal() and len(read) < 9 else 0
    known = next((stage for n, stage, _ in stages if n == version), "")
    moved: list[tuple[str, datetime]] = []
    for n, stage, moment in stages:
        if n > version and stage != known:
            moved.append((stage, moment))
            known = stage
    person = await showing.vault_of(row.patient_id)
    told = 0
    if person is not None:
        for change in await Feed(showing.session).of(row.id):
            if change.version == version:
                told = len(as_it_was(person, change)["body"].get("thread", ()))
    return {"moved": moved, "said": detail.thread[told:], "day": row.day if row.stage == "booked" else None}
