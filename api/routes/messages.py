"""A patient's timeline with its reasons, and the messages that went and came."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.depends import After, Language, Limit, Parts, Session, may
from api.models.story import MessagesOut, TimelineOut
from api.problems import not_found
from api.showing.story import message, timeline_line
from records.callers import Caller
from records.messages import Messages
from records.patients import Patients
from records.scope import Scope
from records.timeline import Timeline
from records.vault import PersonVault

__all__ = ["opened", "router", "timeline_line"]

router = APIRouter(prefix="/patients/{patient_id}", tags=["patients"])


@router.get("/timeline", summary="Why things were done, or were not")
async def read_timeline(
    caller: Annotated[Caller, may("patients.read")],
    session: Session,
    parts: Parts,
    patient_id: str,
    language: Language = "en",
    limit: Annotated[int, Query(ge=1, le=2000)] = 1000,
    after: After = None,
) -> TimelineOut:
    """Every reason of the patient's steps, oldest first."""
    person = await opened(Patients(session, parts.vault), caller.scope, patient_id)
    page = await Timeline(session).of(person, limit=limit, after=after)
    return TimelineOut(items=[timeline_line(found, language) for found in page.items], next=page.next)


@router.get("/messages", summary="Messages of a patient")
async def read_messages(
    caller: Annotated[Caller, may("patients.read")],
    session: Session,
    parts: Parts,
    patient_id: str,
    limit: Limit = 50,
    after: After = None,
) -> MessagesOut:
    """What went and came, newest first, with what became of each."""
    person = await opened(Patients(session, parts.vault), caller.scope, patient_id)
    page = await Messages(session).page(person, limit=limit, after=after)
    return MessagesOut(items=[message(text) for text in page.items], next=page.next)


async def opened(patients: Patients, scope: Scope, patient_id: str) -> PersonVault:
    """The person's vault, if the caller may see them. Raises Problem 404."""
    if await patients.in_scope(scope, patient_id) is None:
        raise not_found()
    try:
        return await patients.vault_of(patient_id)
    except LookupError:
        raise not_found() from None
