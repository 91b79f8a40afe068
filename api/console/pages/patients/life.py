"""What life brings, told on a page: what it will do is shown before it is told.

Rule: what may be told is what changes something as they stand; the engine has the last word all the same.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, made
from api.console.pages.patients.drawing import LANES
from api.console.pages.patients.known import whom
from api.depends import Parts, Session
from api.models.base import Happened
from api.models.patients import PauseIn
from api.models.story import PreviewOut
from api.parts import ApiParts
from api.problems import Problem, not_found
from api.routes.life import LIFE, PAUSE, foresee_life, tell
from api.routes.plan import read_plan
from pathways.engine.state import ENDED

router = APIRouter(include_in_schema=False)
Changes = Annotated[Desk, at("patients.change")]
Looks = Annotated[Desk, at("patients.change", looks=True)]

#: What each is called where it may be chosen.
LABELS: dict[str, str] = {
    "pause": N_("Pause: travelling, or wishes a rest"),
    "resume": N_("Care goes on"),
    "hospitalised": N_("Is in hospital"),
    "discharged": N_("Is back from hospital"),
    "moved-away": N_("Has moved away"),
    "withdraw": N_("Does not want care any more"),
    "died": N_("Has died"),
}
#: One sentence that says what it is for, and what it is not.
ABOUT: dict[str, str] = {
    "pause": N_("Nothing is sent and nobody calls until the last day of the pause. What falls due meanwhile is done afterwards."),
    "resume": N_("The pause ends today. What fell due meanwhile is due soon."),
    "hospitalised": N_(
        "Contacts rest until somebody tells of the discharge; from time to time a task asks whether it is still so."
    ),
    "discharged": N_("Care goes on; what is due by now is done."),
    "moved-away": N_("Has left the area of this network. For a move within it, choose “Other care team”."),
    "withdraw": N_(
        "Does not want to be followed any more. Nothing is sent, open work ends. To stop only texts, choose “Texts and consent”."
    ),
    "died": N_("Nothing is sent any more, to nobody of the family either, and open work ends."),
}
FINAL = ("moved-away", "withdraw", "died")
NOTICES |= {
    "life_told": N_("Saved. The plan below is the new one."),
}


def possible(life: str) -> list[str]:
    """What may be told of somebody who stands so, the everyday first."""
    if life in ENDED or life == "not_enrolled":
        return []
    first = {"paused": ["resume"], "in_hospital": ["discharged"]}.get(life, ["pause"])
    return [*first, *(["hospitalised"] if life != "in_hospital" else []), *FINAL]


@router.get("/patients/{patient_id}/life/{deed}")
async def life_page(desk: Looks, session: Session, parts: Parts, patient_id: str, deed: str) -> Response:
    """What telling it would do, and the button that tells it."""
    return await _page(desk, session, parts, patient_id, deed, Form())


@router.post("/patients/{patient_id}/life/{deed}/preview")
async def life_preview(desk: Looks, session: Session, parts: Parts, patient_id: str, deed: str) -> Response:
    """The same with what was typed; for a script only the preview."""
    return await _page(desk, session, parts, patient_id, deed, desk.form)


@router.post("/patients/{patient_id}/life/{deed}")
async def life_told(desk: Changes, session: Session, parts: Parts, patient_id: str, deed: str) -> Response:
    """Told: the patient's page says so."""
    if deed not in LABELS:
        raise not_found()
    try:
        written = await tell(desk.caller.scope, desk.writing(), patient_id, deed, _body(deed, desk.form))
    except Problem as problem:
        if problem.status not in (409, 412, 422):
            raise
        return await _page(desk, session, parts, patient_id, deed, desk.form.refused(problem), status=422)
    return desk.go(f"/patients/{patient_id}", "life_told" if written.acted_on else "stored_not_acted_on")


def _body(deed: str, form: Form) -> Happened:
    if deed != PAUSE:
        return Happened()
    fields: dict[str, Any] = {"until": form.day("until")}
    return made(PauseIn, **fields)


async def _falls(
    desk: Desk, session: AsyncSession, parts: ApiParts, patient_id: str, deed: str, until: date | None
) -> dict[str, int]:
    """What the plan has in the time in which nothing is done, counted by lane; its twelve months, where that has no end."""
    if deed in ("resume", "discharged"):
        return {}
    plan = await read_plan(desk.caller, session, parts, patient_id, desk.language)
    lane = {kind: name for name, kinds in LANES.items() for kind in kinds}
    counted = Counter(lane[one.kind] for one in plan.items if until is None or one.day <= until)
    return {name: counted[name] for name in LANES if counted[name]}


async def _page(
    desk: Desk, session: AsyncSession, parts: ApiParts, patient_id: str, deed: str, form: Form, *, status: int = 200
) -> Response:
    if deed not in LABELS or deed not in {*LIFE, PAUSE}:
        raise not_found()
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language)
    seen: PreviewOut | None = None
    try:
        seen = await foresee_life(session, parts, desk.caller.scope, patient_id, deed, _body(deed, form), desk.language)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        form = form if form.faults else form.refused(problem)
    until = form.day("until") if seen is not None and deed == PAUSE else None
    shown: dict[str, Any] = {
        "falls": await _falls(desk, session, parts, patient_id, deed, until) if seen is not None else {},
        "until": until,
        "them": them,
        "deed": deed,
        "form": form,
        "seen": seen,
        "fits": deed in possible(them.patient.life),
    }
    if desk.within and status == 200:
        return desk.html("patients/would.html", **shown)
    return desk.html("patients/life.html", status=status, label=LABELS[deed], about=ABOUT[deed], final=deed in FINAL, **shown)
