"""A diagnosis that comes later, or was wrong: what it would begin and end is shown before it is told.

Rule: what is sent is all that the person has, so that two who add one each see the other's first (the form's ``read``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, made
from api.console.pages.patients.enrolling import CONDITIONS
from api.console.pages.patients.known import Whom, whom
from api.depends import Parts, Session
from api.diagnoses import Meant, look, tell
from api.models.conditions import ConditionsIn
from api.models.story import PreviewOut
from api.parts import ApiParts
from api.problems import Problem
from api.showing.ahead import show_preview

router = APIRouter(include_in_schema=False)
Changes = Annotated[Desk, at("patients.change")]
Looks = Annotated[Desk, at("patients.change", looks=True)]
NOTICES |= {
    "conditions_told": N_("Saved. The plan below is the new one."),
    "conditions_known": N_("That is what was known already. Nothing was changed."),
}


@router.get("/patients/{patient_id}/conditions")
async def conditions_page(desk: Looks, session: Session, parts: Parts, patient_id: str) -> Response:
    """What they have, to be added to."""
    return await _page(desk, session, parts, patient_id, None)


@router.post("/patients/{patient_id}/conditions/preview")
async def conditions_preview(desk: Looks, session: Session, parts: Parts, patient_id: str) -> Response:
    """What it would do; for a script only that."""
    return await _page(desk, session, parts, patient_id, desk.form)


@router.post("/patients/{patient_id}/conditions")
async def conditions_told(desk: Changes, session: Session, parts: Parts, patient_id: str) -> Response:
    """Told: the patient's page says so."""
    try:
        written = await tell(desk.writing(), desk.caller.scope, patient_id, _body(desk.form))
    except Problem as problem:
        if problem.status not in (409, 412, 422):
            raise
        return await _page(desk, session, parts, patient_id, desk.form.refused(problem), status=422)
    said = "conditions_known" if not written.event_id else "conditions_told" if written.acted_on else "stored_not_acted_on"
    return desk.go(f"/patients/{patient_id}", said)


def _body(form: Form) -> ConditionsIn:
    chosen: dict[str, Any] = {"pathways": list(form.texts("pathway"))} if form.text("which") == "chosen" else {}
    return made(ConditionsIn, conditions=list(form.texts("condition")), **chosen)


async def _page(
    desk: Desk, session: AsyncSession, parts: ApiParts, patient_id: str, form: Form | None, *, status: int = 200
) -> Response:
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language)
    known = them.profile.conditions if them.profile is not None else ()
    seen: PreviewOut | None = None
    meant: Meant | None = None
    if form is None:
        form = Form({"condition": known, "pathway": tuple(them.titles)})
    elif not form.faults:
        try:
            decided, meant = await look(session, parts, desk.caller.scope, patient_id, _body(form))
            seen = show_preview(decided, desk.language)
        except Problem as problem:
            if problem.status not in (409, 422):
                raise
            form = form.refused(problem)
    current = await parts.plans.current(session)
    shown: dict[str, Any] = {
        "them": them,
        "form": form,
        "seen": seen,
        "meant": meant,
        "titles": {**{name: one.title for name, one in current.items()}, **them.titles},
    }
    if desk.within and status == 200:
        return desk.html("patients/conditions_would.html", **shown)
    choices = sorted({*CONDITIONS, *known})
    return desk.html("patients/conditions.html", status=status, choices=choices, pathways=_pathways(them, current), **shown)


def _pathways(them: Whom, current: Mapping[str, Any]) -> list[str]:
    """Those that they are on first, then the others that there are."""
    return [*them.titles, *(name for name in sorted(current) if name not in them.titles)]
