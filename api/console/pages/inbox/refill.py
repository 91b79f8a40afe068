"""One refill request: for the pharmacy to prepare and hand out, for a doctor to decide on another medicine.

Rule: the code that the patient was texted is compared, and is shown nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api import answering
from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, made, wrong
from api.console.languages import translations
from api.console.pages.inbox.listing import days_left
from api.console.pages.inbox.referral import Milestone
from api.depends import Parts, Session, now_of
from api.models.base import Happened, Written
from api.models.refills import (
    Delivery,
    OutOfStock,
    PharmacistsWord,
    PharmacyRefusal,
    RefillDispensed,
    RefillOut,
    SubstituteProposed,
    SubstituteRefused,
)
from api.parts import ApiParts
from api.problems import Problem
from api.refilling import Answer, WrongPickupCode
from api.showing.patients import Showing
from api.showing.requests import show_refills
from api.showing.story import timeline_line
from api.substituting import Substitute
from pathways.engine import calendar
from records.inboxes import Inbox
from records.refills import NEEDS_WORD, refills
from records.requests import etag
from records.tables import Organisation, RefillRow
from records.timeline import Timeline

MOST_FOUND = 6  # lines of what the checks of medicines found
router = APIRouter(include_in_schema=False)

NOTICES |= {
    "refill_received": N_("The centre sees that you have it."),
    "refill_ready": N_("Ready. The patient is texted a code to collect it with."),
    "refill_dispensed": N_("Handed out. The next one is asked for before it ends."),
    "refill_part": N_("A part was handed out; the rest is still asked of you."),
    "refill_out_of_stock": N_("The next pharmacy is asked, and you are passed over for this medicine until you have it again."),
    "refill_refused": N_("Refused. The next pharmacy is asked, and the centre reads why."),
    "refill_cleared": N_("Your word is kept. It may be made ready and handed out."),
    "refill_substitute_proposed": N_("Proposed. A doctor of the centre decides."),
    "substitute_approved": N_("Approved. The pharmacy goes on with it, and the patient's list of medicines has it."),
    "substitute_refused": N_("Not approved. The next pharmacy is asked for the medicine itself."),
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something the pharmacy may do. ``to``: the stage; ``will``: what happens then."""

    what: str
    to: str
    title: str
    will: str


STEPS: Mapping[str, Step] = {
    one.what: one
    for one in (
        Step("clear", "cleared", N_("Say your word"), N_("It may be made ready and handed out then. The centre reads your word.")),
        Step("ready", "ready", N_("It is ready"), N_("The patient is texted your name, address and a code of six digits.")),
        Step("dispense", "dispensed", N_("Hand it out"), N_("The days covered count from it; the next is asked for in time.")),
        Step(
            "propose",
            "substitute_proposed",
            N_("Propose another medicine"),
            N_("A doctor of the centre decides; nothing is made ready before."),
        ),
        Step(
            "out_of_stock",
            "out_of_stock",
            N_("Out of stock"),
            N_("The next pharmacy is asked; the patient is texted once it is ready there."),
        ),
        Step("refuse", "refused", N_("Refuse"), N_("The next pharmacy is asked. The centre reads your reason.")),
        Step("receive", "received", N_("Only say that we have it"), N_("The centre sees that it is in hand. Nobody is texted.")),
    )
}
LIKELY: Mapping[str, tuple[str, ...]] = {
    "requested": ("ready", "dispense", "propose", "out_of_stock", "receive"),
    "received": ("ready", "dispense", "propose", "out_of_stock"),
    "ready": ("dispense", "out_of_stock"),
    "part": ("dispense", "ready", "propose", "out_of_stock"),
}
ROAD = ("requested", "received", "ready", "dispensed")


@router.get("/inbox/refills/{refill_id}")
async def refill_page(desk: Annotated[Desk, at("refills.read")], session: Session, parts: Parts, refill_id: str) -> Response:
    """The request, for the pharmacy that is asked and for the care team that asks."""
    return await _page(desk, session, parts, refill_id)


@router.post("/inbox/refills/{refill_id}/answer")
async def answer_refill(desk: Annotated[Desk, at("refills.answer")], session: Session, parts: Parts, refill_id: str) -> Response:
    """The pharmacy's step, named by ``what``."""
    what = desk.form.text("what")
    try:
        if what not in STEPS:
            raise wrong("what", N_("Choose one of the steps."))
        written = await _answer(desk, refill_id, what)
    except Problem as problem:
        return await _again(desk, session, parts, refill_id, problem)
    part = what == "dispense" and desk.form.text("part")
    return _done(desk, refill_id, written, "refill_part" if part else f"refill_{STEPS[what].to}")


@router.post("/inbox/refills/{refill_id}/decide")
async def decide(desk: Annotated[Desk, at("refills.decide")], session: Session, parts: Parts, refill_id: str) -> Response:
    """A doctor approves or refuses the medicine that is proposed."""
    writing, scope, approves = desk.writing(), desk.caller.scope, desk.form.text("what") == "approve"
    try:
        if approves:
            written = await Substitute(writing, scope, refill_id, Happened()).approves()
        else:
            body = made(SubstituteRefused, reason=desk.form.text("reason"))
            written = await Substitute(writing, scope, refill_id, body).refuses(body.reason)
    except Problem as problem:
        return await _again(desk, session, parts, refill_id, problem)
    return _done(desk, refill_id, written, "substitute_approved" if approves else "substitute_refused")


async def _answer(desk: Desk, refill_id: str, what: str) -> Written:
    form, writing, scope = desk.form, desk.writing(), desk.caller.scope
    match what:
        case "clear":
            word = made(PharmacistsWord, word=form.text("word"))
            return await Answer(writing, scope, refill_id, word).clears(word.word)
        case "propose":
            other = made(SubstituteProposed, medicine=form.text("medicine"), word=form.text("proposal"))
            return await Substitute(writing, scope, refill_id, other).proposes(other.medicine, other.word)
        case "out_of_stock":
            gone = made(OutOfStock, until=form.day("until"))
            return await Answer(writing, scope, refill_id, gone).moves("out_of_stock", until=gone.until)
        case "refuse":
            no = made(PharmacyRefusal, reason=form.text("reason"))
            return await Answer(writing, scope, refill_id, no).moves("refused", reason=no.reason)
        case "dispense":
            out = _dispensed(form)
            return await Answer(writing, scope, refill_id, out).dispenses(out)
    step: Any = STEPS[what].to
    return await Answer(writing, scope, refill_id, Happened()).moves(step)


def _dispensed(form: Form) -> RefillDispensed:
    how, how_not, days = form.text("how"), form.text("without_code"), form.number("days")
    whole = int(days) if days is not None and days == int(days) else days
    delivered = None
    if how == "delivered":
        delivered = made(Delivery, received_by=form.text("received_by"), evidence=form.text("evidence"))
    code, without = (form.text("code") if how == "code" else None), (how_not if how == "without" else None)
    if how == "code" and not code:
        raise wrong("code", N_("Ask the patient for the six digits, or say why there is no code."))
    return made(RefillDispensed, days=whole, part=bool(form.text("part")), code=code, without_code=without, delivered=delivered)


def _done(desk: Desk, refill_id: str, written: Written, said: str) -> Response:
    return desk.go(f"/inbox/refills/{refill_id}", said if written.acted_on else "stored_not_acted_on")


async def _again(desk: Desk, session: AsyncSession, parts: ApiParts, refill_id: str, problem: Problem) -> Response:
    """The page with what was typed and what was wrong with it. Raises the problem where it is none of the form's."""
    if problem.status not in (409, 412, 422):
        raise problem
    if isinstance(problem, WrongPickupCode):
        spoken = translations(desk.language)
        left = spoken.ngettext("%(num)d try is left today.", "%(num)d tries are left today.", problem.left) % {"num": problem.left}
        none = spoken.gettext("No code is taken any more today: hand it out to somebody whom you know and say so, or tomorrow.")
        problem = wrong("code", f"{spoken.gettext('This is not the code.')} {left if problem.left else none}")
    return await _page(desk, session, parts, refill_id, desk.refused(problem), quicker=problem.status == 412)


async def _page(
    desk: Desk, session: AsyncSession, parts: ApiParts, refill_id: str, form: Form | None = None, *, quicker: bool = False
) -> Response:
    row = await answering.one(refills(session), desk.caller.scope, refill_id)
    showing = Showing(session, parts.vault, parts.plans, desk.language)
    (refill,) = await show_refills(showing, [row])
    now = await now_of(parts, session)
    whence = (await showing.about([row.patient_id]))[row.patient_id].whence
    stages = await Inbox(session).stages(row.id)
    return desk.html(
        "inbox/refill.html",
        status=422 if form is not None else 200,
        refill=refill,
        whence=whence,
        days=days_left(refill.runs_out, now, whence.timezone),
        rest=_rest(refill),
        place=await session.get_one(Organisation, row.pharmacy_id),
        read=etag(row),
        zone=whence.timezone,
        tomorrow=calendar.local_day(now, whence.timezone) + timedelta(days=1),
        road=_road(stages, refill.stage),
        steps=_steps(refill) if desk.may("refills.answer") else ((), ()),
        listed=await _listed(showing, row, refill) if "substitute_proposed" in refill.moves else (),
        found=await _found(showing, row, desk.language) if refill.stage == "substitute_proposed" else (),
        decides=refill.stage == "substitute_proposed" and desk.may("refills.decide"),
        form=form,
        what=form.text("what") if form is not None else "",
        quicker=quicker,
        known=next((stage for n, stage, _ in stages if form is not None and f'"{n}"' == form.text("read")), ""),
    )


def _steps(refill: RefillOut) -> tuple[Sequence[Step], Sequence[Step]]:
    """What the pharmacy may do: what is likely, the likeliest first; and the rest."""
    may = {one.what: one for one in STEPS.values() if one.to in refill.moves}
    likely = []
    if refill.check == NEEDS_WORD and not refill.word and refill.moves:  # nothing is handed out before
        likely, may = [STEPS["clear"]], {what: one for what, one in may.items() if what not in ("ready", "dispense")}
    likely += [may.pop(what) for what in LIKELY.get(refill.stage, ()) if what in may]
    return likely, list(may.values())


def _rest(refill: RefillOut) -> int | None:
    """For how many days there is still to hand out."""
    return None if refill.days is None else max(1, refill.days - sum(one.days for one in refill.handed)) or None


def _road(stages: Sequence[tuple[int, str, Any]], stage: str) -> list[Milestone]:
    came: dict[str, Any] = {}
    for _, one, moment in stages:
        came.setdefault(one, moment)
    here = {"part": "ready", "substitute_proposed": "received"}.get(stage, stage)
    if here not in ROAD:
        far = max((ROAD.index(one) for one in came if one in ROAD), default=0)
        return [*(Milestone(one, "done", came.get(one)) for one in ROAD[: far + 1]), Milestone(stage, "ended", came.get(stage))]
    far = ROAD.index(here)
    shown = {here: stage}
    return [
        Milestone(
            shown.get(one, one),
            "done" if n < far or stage == "dispensed" else "now" if n == far else "ahead",
            came.get(shown.get(one, one)) if n <= far else None,
        )
        for n, one in enumerate(ROAD)
    ]


async def _listed(showing: Showing, row: RefillRow, refill: RefillOut) -> Sequence[str]:
    """Medicines that may be proposed in place of the one that is asked for."""
    checks = (await showing.plan(row.patient_id)).checks
    return checks.substitutes.get(checks.own_name(refill.medicine), ()) if checks is not None else ()


async def _found(showing: Showing, row: RefillRow, language: str) -> Sequence[Any]:
    """What the checks found of the medicine that is proposed, as the timeline has it."""
    person = await showing.vault_of(row.patient_id)
    if person is None:
        return ()
    lines = await Timeline(showing.session).of_codes(person, ("medicine_finding",), limit=MOST_FOUND)
    return [line for one in lines if (line := timeline_line(one, language)).key == row.refill]
