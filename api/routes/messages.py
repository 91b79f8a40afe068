"""A patient's timeline with its reasons, and the messages that went and came."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.depends import After, Language, Limit, Parts, Session, may
from api.models.work import MessageOut, MessagesOut, TimelineLine, TimelineOut
from api.problems import not_found
from api.showing.words import in_language, line
from records.callers import Caller
from records.messages import Messages, Text
from records.patients import Patients
from records.scope import Scope
from records.timeline import Line, Timeline
from records.vault import PersonVault

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
    caller: Annotated[Caller, may("patients.read")], session: Session, parts: Parts, patient_id: str, limit: Limit = 200
) -> MessagesOut:
    """The newest messages, oldest of them first."""
    person = await opened(Patients(session, parts.vault), caller.scope, patient_id)
    return MessagesOut(items=[message(text) for text in await Messages(session).of(person, limit=limit)])


async def opened(patients: Patients, scope: Scope, patient_id: str) -> PersonVault:
    """The person's vault, if the caller may see them. Raises Problem 404."""
    if await patients.in_scope(scope, patient_id) is None:
        raise not_found()
    try:
        return await patients.vault_of(patient_id)
    except LookupError:
        raise not_found() from None


def timeline_line(found: Line, language: str) -> TimelineLine:
    """A reason in one plain line, and the codes behind it."""
    reason = found.reason
    return TimelineLine(
        at=reason.at,
        step=found.step,
        code=reason.code,
        text=line(reason, language),
        held_back=reason.held_back,
        pathway=reason.pathway,
        version=reason.version,
        service=reason.service,
        row=reason.row,
        decision=reason.decision,
        inputs=dict(reason.inputs),
        missing=list(reason.missing),
        because=in_language(reason.because, language),
        cites=reason.cites,
        key=reason.key,
    )


def message(text: Text) -> MessageOut:
    """One SMS."""
    return MessageOut(at=text.at, direction=text.direction, text=text.text, key=text.key, status=text.status, who=text.who)
