"""What was told of a patient, and putting it right: the log stays as it was, and everything comes out as if it had been right.

Rule 1: a correction is one more event; nothing that was told is changed or deleted.
Rule 2: what a correction claims is held against what can be true, as anything else that is told.
Rule 3: the answer says what changed, and what can no longer be undone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.believing import believe
from api.depends import After, Language, Limit, Parts, Session, may
from api.models.base import Written, to_values
from api.models.corrections import CannotUndoOut, CorrectionIn, CorrectionOut, DueMovedOut, EventOut, EventPage
from api.models.story import TagMoveOut
from api.problems import not_found, unusable
from api.routes.messages import opened
from api.showing.words import line
from api.writing import Case, Writes
from pathways.engine.commands import Reason
from pathways.engine.events import AnyEvent, Corrected
from pathways.engine.ordering import not_corrected
from pathways.serial import dump_event
from records.callers import Caller
from records.happened import Entry, Happened
from records.patients import Patients

router = APIRouter(prefix="/patients/{patient_id}/events", tags=["what happens"])

EventId = Annotated[str, Path(max_length=120, description="of `GET .../events`, with its slash")]
_ALWAYS = frozenset({"type", "id", "at", "learnt", "readings"})


@router.get("", summary="What was told of a patient")
async def list_events(
    caller: Annotated[Caller, may("patients.read")],
    session: Session,
    parts: Parts,
    patient_id: str,
    limit: Limit = 50,
    after: After = None,
) -> EventPage:
    """Every event of the log with its id, newest first; the bookings of days are left out."""
    person = await opened(Patients(session, parts.vault), caller.scope, patient_id)
    page = await Happened(session, person).page(limit=limit, after=after)
    return EventPage(items=[_shown(entry) for entry in page.items], next=page.next)


@router.post("/{event_id:path}/corrections", summary="Something was told wrongly")
async def correct(
    caller: Annotated[Caller, may("patients.record")],
    writing: Writes,
    patient_id: str,
    event_id: EventId,
    body: CorrectionIn,
    language: Language = "en",
) -> CorrectionOut:
    """Put values right, or say that it never happened. Due days, tag and unsent texts come out as if it had been told right.

    A referral that only waits for a clinician is withdrawn; one that went out stays, and a doctor is asked to look at it. A
    correction can itself be said void.
    """
    readings = to_values(body.readings)

    async def change(case: Case) -> AnyEvent:
        if not caller.scope.covers_team(case.patient.care_team_id):
            raise not_found()
        wrong = await Happened(case.session, case.person).one(event_id)
        if wrong is None:
            raise not_found()
        correction = Corrected(
            id=writing.event_id("corrected"),
            at=case.now,
            learnt=case.now,
            corrects=event_id,
            readings=readings,
            void=body.void,
            why=body.why,
        )
        refuse(wrong, correction)
        await believe(case.session, writing.parts.plans, patient_id, readings)
        return correction

    return await _told(writing, await writing.change(patient_id, change), language)


def refuse(wrong: Entry, correction: Corrected) -> None:
    """Raises Problem 422 where the correction would change nothing."""
    if wrong.void:
        raise unusable("event_id", "was said never to have happened already", "void that correction, if it was wrong")
    if not not_corrected(correction, {wrong.event.id: wrong.event}):
        return
    if correction.void:
        raise unusable("void", "cannot be said of this event", "tell what is right now as an event of its own")
    raise unusable("readings", "are not what this event tells", "void the event instead, and tell it again as it was")


async def _told(writing: Writes, written: Written, language: str) -> CorrectionOut:
    reasons: list[Reason] = []
    if written.acted_on and written.event_id:
        async with writing.parts.database.reading() as session:
            person = await Patients(session, writing.parts.vault).vault_of(written.patient.id)
            reasons = await Happened(session, person).reasons(written.event_id)
    return CorrectionOut(
        event_id=written.event_id,
        acted_on=written.acted_on,
        patient=written.patient,
        tags=[
            TagMoveOut(pathway=reason.pathway, before=reason.detail.get("from") or None, after=reason.detail.get("to") or None)
            for reason in _of(reasons, "tag_changed")
        ],
        dues=[
            DueMovedOut(
                pathway=reason.pathway,
                service=reason.service,
                before=reason.detail.get("from", ""),
                after=reason.detail.get("to", ""),
            )
            for reason in _of(reasons, "due_moved")
        ],
        cannot_undo=[
            CannotUndoOut(what=reason.held_back, text=line(reason, language), key=reason.key)
            for reason in _of(reasons, "cannot_undo")
        ],
        said=[line(reason, language) for reason in reasons],
    )


def _of(reasons: Iterable[Reason], code: str) -> list[Reason]:
    return [reason for reason in reasons if reason.code == code]


def _shown(entry: Entry) -> EventOut:
    told: dict[str, Any] = dump_event(entry.event)
    return EventOut(
        id=entry.event.id,
        kind=entry.kind,
        at=entry.event.at,
        learnt=entry.event.learnt,
        step=entry.step,
        readings=told.get("readings", {}),
        details={name: value for name, value in told.items() if name not in _ALWAYS},
        corrected_by=list(entry.corrected_by),
        void=entry.void,
    )
