"""What happens with a patient: visits, readings, screenings, calls, fills; and what recording one would decide.

Rule: a preview stores nothing, so that it names no key and no id; what it says is the engine's word, not the screen's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypedDict

from fastapi import APIRouter

from api.ahead import standing
from api.believing import believe
from api.depends import Language, Parts, Session, may
from api.foreseeing import WOULD, foreseen
from api.models.base import Happened, Written, to_values
from api.models.patients import CallIn, DispenseIn, ReadingsReceived, ServiceDone, VisitIn
from api.models.story import PreviewOut
from api.parts import ApiParts
from api.problems import not_found
from api.writing import Case, Writes, Writing, happened_at, not_ahead
from pathways.engine import events
from pathways.engine.events import AnyEvent, Fill
from records.callers import Caller
from records.feed import Feed
from records.refills import medicine_of, open_of

router = APIRouter(prefix="/patients/{patient_id}", tags=["what happens"])

Records = Annotated[Caller, may("patients.record")]
Looks = Annotated[Caller, may("patients.record", looks=True)]
Measured = VisitIn | ReadingsReceived | ServiceDone


class When(TypedDict):
    """What every event has."""

    id: str
    at: datetime
    learnt: datetime


def when(event_id: str, body: Happened, now: datetime) -> When:
    """Of an event told now. Raises Problem 422 where it lies ahead."""
    return {"id": event_id, "at": happened_at(body.at, now), "learnt": now}


async def _write(
    caller: Caller, writing: Writing, patient_id: str, body: Measured, make: Callable[[datetime], AnyEvent]
) -> Written:
    """Store what ``make`` makes of the present moment, when its readings can be believed. Raises Problem 404, 412, 422."""

    async def change(case: Case) -> AnyEvent:
        if not caller.scope.covers_team(case.patient.care_team_id):
            raise not_found()
        await believe(case.session, writing.parts.plans, patient_id, to_values(body.readings))
        return make(case.now)

    return await writing.change(patient_id, change)


def _visit(body: VisitIn, event_id: str) -> Callable[[datetime], AnyEvent]:
    readings, done = to_values(body.readings), tuple(body.done)
    return lambda now: events.VisitCompleted(**when(event_id, body, now), readings=readings, done=done)


def _readings(body: ReadingsReceived, event_id: str) -> Callable[[datetime], AnyEvent]:
    readings = to_values(body.readings)
    return lambda now: events.ReadingReceived(**when(event_id, body, now), readings=readings, source=body.source)


def _service(body: ServiceDone, event_id: str) -> Callable[[datetime], AnyEvent]:
    readings = to_values(body.readings)
    return lambda now: events.ServiceCompleted(**when(event_id, body, now), service=body.service, readings=readings)


@router.post("/visits", summary="A visit took place")
async def record_visit(caller: Records, writing: Writes, patient_id: str, body: VisitIn) -> Written:
    """A face-to-face visit: every pathway of the patient decides on its readings.

    A reading that cannot be believed, or that nobody knows, is refused and named; nothing is stored then.
    """
    return await _write(caller, writing, patient_id, body, _visit(body, writing.event_id("visit", body)))


@router.post("/visits/preview", summary="What a visit would decide")
async def preview_visit(
    caller: Looks, session: Session, parts: Parts, patient_id: str, body: VisitIn, language: Language = "en"
) -> PreviewOut:
    """The tag, the row and its reasons, the next days, texts, tasks and referrals; nothing is stored."""
    return await _preview(session, parts, caller, patient_id, body, _visit(body, WOULD), language)


@router.post("/readings", summary="Readings without a visit")
async def record_readings(caller: Records, writing: Writes, patient_id: str, body: ReadingsReceived) -> Written:
    """From home, a laboratory, a hospital, or staff completing a visit."""
    return await _write(caller, writing, patient_id, body, _readings(body, writing.event_id("readings", body)))


@router.post("/readings/preview", summary="What readings would decide")
async def preview_readings(
    caller: Looks, session: Session, parts: Parts, patient_id: str, body: ReadingsReceived, language: Language = "en"
) -> PreviewOut:
    """As for a visit; nothing is stored."""
    return await _preview(session, parts, caller, patient_id, body, _readings(body, WOULD), language)


@router.post("/services", summary="A screening was done")
async def record_service(caller: Records, writing: Writes, patient_id: str, body: ServiceDone) -> Written:
    """A laboratory test or an examination, with its results where there are any."""
    return await _write(caller, writing, patient_id, body, _service(body, writing.event_id("service", body)))


@router.post("/services/preview", summary="What a screening would decide")
async def preview_service(
    caller: Looks, session: Session, parts: Parts, patient_id: str, body: ServiceDone, language: Language = "en"
) -> PreviewOut:
    """As for a visit; nothing is stored."""
    return await _preview(session, parts, caller, patient_id, body, _service(body, WOULD), language)


@router.post("/calls", summary="The patient was called")
async def record_call(caller: Records, writing: Writes, patient_id: str, body: CallIn) -> Written:
    """A call never counts as a visit; a day agreed on the phone is booked."""
    event_id = writing.event_id("call", body)

    def make(now: datetime) -> events.CallMade:
        return events.CallMade(**when(event_id, body, now), outcome=body.outcome, day=body.day)

    return await writing.event(caller.scope, patient_id, make)


@router.post("/dispenses", summary="Medicine was handed out")
async def record_dispense(caller: Records, writing: Writes, patient_id: str, body: DispenseIn) -> Written:
    """Handed out by anybody; an open request for it is closed with it."""
    medicine = body.medicine.strip().casefold()

    async def change(case: Case) -> events.Dispensed:
        if not caller.scope.covers_team(case.patient.care_team_id):
            raise not_found()
        for row in await open_of(case.session, patient_id):
            if medicine_of(case.person, row) == medicine:
                row.stage, row.changed = "dispensed", case.now
                await Feed(case.session).moved(row, case.person, by=caller.id)
        fill = Fill(medicine, not_ahead("on", body.on, case.today), body.days)
        return events.Dispensed(**when(writing.event_id("dispense", body), body, case.now), fill=fill)

    return await writing.change(patient_id, change)


async def _preview(
    session: Session,
    parts: ApiParts,
    caller: Caller,
    patient_id: str,
    body: Measured,
    make: Callable[[datetime], AnyEvent],
    language: str,
) -> PreviewOut:
    stands = await standing(session, parts, caller.scope, patient_id)
    await believe(session, parts.plans, patient_id, to_values(body.readings))
    return await foreseen(session, parts, stands, make(stands.now), language)
