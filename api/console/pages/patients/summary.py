"""One page for a patient to take along: their plan, their medicines, their next visit, and whom to call; in their own language."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.console.desk import Desk, at
from api.console.languages import LANGUAGES
from api.console.pages.patients.known import whom
from api.console.render import Reader
from api.depends import Parts, Session
from api.problems import not_found
from api.showing.patients import services

router = APIRouter(include_in_schema=False)


@router.get("/patients/{patient_id}/summary")
async def summary_page(
    desk: Annotated[Desk, at("patients.read")],
    session: Session,
    parts: Parts,
    patient_id: str,
    language: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """In the patient's language unless another is asked for."""
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language)
    if them.profile is None:
        raise not_found()
    spoken = language or them.patient.language
    theirs = replace(desk, reader=Reader(spoken if spoken in LANGUAGES else "en", desk.reader.theme))
    return theirs.html(
        "patients/summary.html",
        them=them,
        ahead=[] if them.state is None else services(them.state),
        supplies=[] if them.state is None else sorted(them.state.supplies.values(), key=lambda one: one.medicine),
        team=them.found.team,
        place=them.found.place,
    )
