"""Patients: found, read, enrolled, and moved within the network."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.depends import After, Language, Limit, Parts, Session, may
from api.diagnoses import foresee, tell
from api.enrolling import enrol
from api.models.base import Written
from api.models.conditions import ConditionsIn, ConditionsOut
from api.models.patients import EnrolmentOut, MoveIn, PatientDetail, PatientPage, PersonIn
from api.models.story import PreviewOut
from api.moving import move
from api.problems import not_found
from api.showing.ahead import show_preview
from api.showing.patients import Showing, brief
from api.writing import Writes, patient_etag
from pathways.engine.calendar import local_day
from records.callers import Caller
from records.patient_list import PatientList
from records.patients import Patients

router = APIRouter(prefix="/patients", tags=["patients"])


@router.get("", summary="Find patients")
async def list_patients(
    caller: Annotated[Caller, may("patients.read")],
    session: Session,
    parts: Parts,
    search: Annotated[str, Query(max_length=100, description="beginnings of the name's words, or a phone")] = "",
    tag: Annotated[str | None, Query(max_length=40)] = None,
    life: Annotated[str | None, Query(max_length=40)] = None,
    limit: Limit = 50,
    after: After = None,
) -> PatientPage:
    """Patients of the caller's team, or of the network."""
    people = PatientList(session, parts.vault)
    page = await people.page(caller.scope, words=search, tag=tag, life=life, limit=limit, after=after)
    return PatientPage(items=[brief(listed) for listed in page.items], next=page.next)


@router.get("/{patient_id}", summary="One patient")
async def read_patient(
    caller: Annotated[Caller, may("patients.read")],
    session: Session,
    parts: Parts,
    patient_id: str,
    response: Response,
    language: Language = "en",
) -> PatientDetail:
    """One patient with everything that is due, at home, asked for and known."""
    patient = await Patients(session, parts.vault).in_scope(caller.scope, patient_id)
    if patient is None:
        raise not_found()
    response.headers["ETag"] = patient_etag(patient)
    today = local_day(await parts.clock.now(session), patient.timezone)
    return await Showing(session, parts.vault, parts.plans, language).detail(patient, today=today)


@router.post(
    "",
    summary="Enrol a person",
    status_code=201,
    responses={
        200: {
            "model": EnrolmentOut,
            "description": "Nobody was enrolled; `status` says why",
        }
    },
)
async def enrol_patient(
    caller: Annotated[Caller, may("patients.enrol")], writing: Writes, body: PersonIn, response: Response
) -> EnrolmentOut:
    """Enrol a person as a roster would; the same identifier twice is one patient (200 instead of 201)."""
    outcome = await enrol(writing, caller.scope, body)
    if outcome.status != "enrolled":
        response.status_code = 200
    return outcome


@router.post("/{patient_id}/move", summary="A move within the network, or another number")
async def move_patient(
    caller: Annotated[Caller, may("patients.change")], writing: Writes, patient_id: str, body: MoveIn
) -> Written:
    """The open tasks and booked days go to the new team; another time zone moves every hour."""
    return await move(writing, caller.scope, patient_id, body)


@router.post("/{patient_id}/conditions", summary="Another diagnosis, or one that was wrong")
async def change_conditions(
    caller: Annotated[Caller, may("patients.change")], writing: Writes, patient_id: str, body: ConditionsIn
) -> ConditionsOut:
    """On the pathways that are for them now; one that they are on ends only where it is left out of ``pathways``."""
    return await tell(writing, caller.scope, patient_id, body)


@router.post("/{patient_id}/conditions/preview", summary="What another diagnosis would decide")
async def preview_conditions(
    caller: Annotated[Caller, may("patients.change", looks=True)],
    session: Session,
    parts: Parts,
    patient_id: str,
    body: ConditionsIn,
    language: Language = "en",
) -> PreviewOut:
    """As for a visit; nothing is stored."""
    return show_preview(await foresee(session, parts, caller.scope, patient_id, body), language)
