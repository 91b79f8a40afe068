"""Putting right what was told wrongly: what was told, what would be right, and what follows, before it is kept.

Rule: what was told stays in the log; a correction is one more word, and the page says what can no longer be undone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, made, wrong
from api.console.pages.patients.known import Whom, told, whom
from api.depends import Parts, Session
from api.foreseeing import WOULD, foresee
from api.models.base import to_values
from api.models.corrections import CorrectionIn, Why
from api.models.story import PreviewOut
from api.parts import ApiParts
from api.problems import Fault, Problem, not_found
from api.routes.corrections import correct, refuse
from pathways.engine.events import AnyEvent, Corrected
from pathways.engine.plan import Reading, Text
from records.happened import Happened

router = APIRouter(include_in_schema=False)
Records = Annotated[Desk, at("patients.record")]
Looks = Annotated[Desk, at("patients.record", looks=True)]
EventId = Annotated[str, Query(max_length=120)]
#: Why it was wrong, as somebody says it.
WHYS: dict[str, str] = {
    "slip_of_the_pen": N_("A slip of the pen"),
    "wrong_unit": N_("The wrong unit"),
    "wrong_patient": N_("It was another patient"),
    "measured_again": N_("It was measured again"),
    "reported_twice": N_("It was reported twice"),
    "other": N_("Something else"),
}
NOTHING = N_("Nothing is otherwise than it was told: write the right value, or say that it never happened.")
PREFIX = "r-"  # of a field that holds a reading
NOTICES |= {"put_right": N_("Put right. What follows from it is in the timeline below.")}
assert set(WHYS) == set(get_args(Why))


@router.get("/patients/{patient_id}/corrections")
async def told_page(
    desk: Records,
    session: Session,
    parts: Parts,
    patient_id: str,
    event: EventId = "",
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """What was told, newest first; with ``event``, the form that puts it right."""
    if event:
        return await _page(desk, session, parts, patient_id, event, None)
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language)
    if them.person is None:
        raise not_found()
    page = await Happened(session, them.person).page(limit=25, after=after)
    shown = [one for one in page.items if hasattr(one.event, "readings") or one.kind in ("dispensed", "call_made")]
    return desk.html(
        "patients/told.html",
        them=them,
        entries=shown,
        next=page.next,
        labels=_readings_of(them.plan.pathways.values()),
        services=_services_of(them),
    )


@router.post("/patients/{patient_id}/corrections/preview")
async def correction_preview(desk: Looks, session: Session, parts: Parts, patient_id: str) -> Response:
    """What putting it right would change."""
    return await _page(desk, session, parts, patient_id, desk.form.text("event"), desk.form)


@router.post("/patients/{patient_id}/corrections")
async def corrected(desk: Records, session: Session, parts: Parts, patient_id: str) -> Response:
    """Kept: the right values, or that it never happened."""
    form, event_id = desk.form, desk.form.text("event")
    try:
        body = _body(form, await _of(desk, session, parts, patient_id, event_id))
        await correct(desk.caller, desk.writing(), patient_id, event_id, body, desk.language)
    except Problem as problem:
        if problem.status not in (409, 412, 422):
            raise
        return await _page(desk, session, parts, patient_id, event_id, _shown_at(desk, form, problem), status=422)
    return desk.go(f"/patients/{patient_id}", "put_right")


async def _of(desk: Desk, session: AsyncSession, parts: ApiParts, patient_id: str, event_id: str) -> dict[str, Any]:
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language)
    entry = await Happened(session, them.person).one(event_id) if them.person is not None else None
    if entry is None:
        raise not_found()
    return _values(entry.event)


def _values(event: AnyEvent) -> dict[str, Any]:
    told = getattr(event, "readings", {})
    return {name: getattr(value, "value", value) for name, value in told.items()}


def _body(form: Form, told: dict[str, Any]) -> CorrectionIn:
    """The readings that are otherwise than they were told."""
    why = form.text("why") or "other"
    if form.text("void") == "yes":
        return made(CorrectionIn, void=True, why=why)
    right: dict[str, Any] = {}
    for name, value in told.items():
        field = PREFIX + name
        if field not in form.values:
            continue
        if isinstance(value, bool):
            new: Any = form.text(field) == "yes"
        elif isinstance(value, int | float):
            new = form.number(field)
        else:
            continue
        if new is not None and new != value:
            right[name] = new
    if not right:
        raise wrong("", NOTHING)
    return made(CorrectionIn, readings=right, why=why)


def _shown_at(desk: Desk, form: Form, problem: Problem) -> Form:
    if problem.detail == NOTHING:
        return form.refused(wrong("", told(desk.language, NOTHING)))
    faults = [Fault(one.field.replace("body.readings.", PREFIX), one.reason, one.remedy) for one in problem.faults]
    return form.refused(Problem(problem.status, problem.detail, faults=faults))


async def _page(
    desk: Desk, session: AsyncSession, parts: ApiParts, patient_id: str, event_id: str, form: Form | None, *, status: int = 200
) -> Response:
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language)
    entry = await Happened(session, them.person).one(event_id) if them.person is not None else None
    if entry is None:
        raise not_found()
    told, seen = _values(entry.event), None
    if form is not None and not form.faults:
        try:
            seen = await _foreseen(desk, session, parts, patient_id, event_id, _body(form, told))
        except Problem as problem:
            if problem.status not in (409, 422):
                raise
            form = _shown_at(desk, form, problem)
    shown: dict[str, Any] = {"them": them, "form": form or Form(), "seen": seen, "fits": True}
    if desk.within and status == 200:
        return desk.html("patients/would.html", **shown)
    known = _readings_of(them.plan.pathways.values())
    return desk.html(
        "patients/correct.html",
        status=status,
        entry=entry,
        told=told,
        known=known,
        whys=WHYS,
        prefix=PREFIX,
        services=_services_of(them),
        **shown,
    )


async def _foreseen(
    desk: Desk, session: AsyncSession, parts: ApiParts, patient_id: str, event_id: str, body: CorrectionIn
) -> PreviewOut:
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language)
    entry = await Happened(session, them.person).one(event_id) if them.person is not None else None
    if entry is None:
        raise not_found()
    wrong_entry = entry

    def event(now: datetime) -> AnyEvent:
        correction = Corrected(
            id=WOULD, at=now, learnt=now, corrects=event_id, readings=to_values(body.readings), void=body.void, why=body.why
        )
        refuse(wrong_entry, correction)
        return correction

    return await foresee(session, parts, desk.caller.scope, patient_id, event, desk.language)


def _services_of(them: Whom) -> dict[str, Text]:
    """What their pathways call their services, by name; an event does not say whose service it was."""
    return {service: title for (_, service), title in them.services.items()}


def _readings_of(pathways: Any) -> dict[str, Reading]:
    return {name: reading for pathway in pathways for name, reading in pathway.readings.items()}
