"""What happens with a patient: visits, readings, screenings, calls, fills, and what life brings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, TypedDict

from fastapi import APIRouter

from api.depends import may
from api.models.base import Happened, Written, to_values
from api.models.patients import CallIn, DispenseIn, LifeIn, ReadingsReceived, ServiceDone, VisitIn
from api.problems import not_found
from api.writing import Case, Writes, happened_at, not_ahead
from pathways.engine import events
from pathways.engine.events import Fill
from records.callers import Caller
from records.refills import Refills, medicine_of

router = APIRouter(prefix="/patients/{patient_id}", tags=["what happens"])


class _When(TypedDict):
    id: str
    at: datetime
    learnt: datetime


_LIFE: Mapping[str, type[events.AnyEvent]] = {
    "died": events.Died,
    "hospitalised": events.Hospitalised,
    "discharged": events.Discharged,
    "paused": events.Paused,
    "resumed": events.Resumed,
    "moved_away": events.MovedAway,
    "withdrawn": events.Withdrawn,
}


def _when(writing: Writes, kind: str, body: Happened, now: datetime) -> _When:
    return {"id": writing.event_id(kind, body), "at": happened_at(body.at, now), "learnt": now}


@router.post("/visits", summary="A visit took place")
async def record_visit(
    caller: Annotated[Caller, may("patients.record")], writing: Writes, patient_id: str, body: VisitIn
) -> Written:
    """A face-to-face visit: every pathway of the patient decides on its readings."""

    def make(now: datetime) -> events.VisitCompleted:
        return events.VisitCompleted(**_when(writing, "visit", body, now), readings=to_values(body.readings), done=tuple(body.done))

    return await writing.event(caller.scope, patient_id, make)


@router.post("/readings", summary="Readings without a visit")
async def record_readings(
    caller: Annotated[Caller, may("patients.record")], writing: Writes, patient_id: str, body: ReadingsReceived
) -> Written:
    """From home, a laboratory, a hospital, or staff completing a visit."""

    def make(now: datetime) -> events.ReadingReceived:
        return events.ReadingReceived(
            **_when(writing, "readings", body, now), readings=to_values(body.readings), source=body.source
        )

    return await writing.event(caller.scope, patient_id, make)


@router.post("/services", summary="A screening was done")
async def record_service(
    caller: Annotated[Caller, may("patients.record")], writing: Writes, patient_id: str, body: ServiceDone
) -> Written:
    """A laboratory test or an examination, with its results where there are any."""

    def make(now: datetime) -> events.ServiceCompleted:
        return events.ServiceCompleted(
            **_when(writing, "service", body, now), service=body.service, readings=to_values(body.readings)
        )

    return await writing.event(caller.scope, patient_id, make)


@router.post("/calls", summary="The patient was called")
async def record_call(caller: Annotated[Caller, may("patients.record")], writing: Writes, patient_id: str, body: CallIn) -> Written:
    """A call never counts as a visit; a day agreed on the phone is booked."""

    def make(now: datetime) -> events.CallMade:
        return events.CallMade(**_when(writing, "call", body, now), outcome=body.outcome, day=body.day)

    return await writing.event(caller.scope, patient_id, make)


@router.post("/life", summary="What life brings")
async def record_life(caller: Annotated[Caller, may("patients.change")], writing: Writes, patient_id: str, body: LifeIn) -> Written:
    """Died, in hospital and back, paused and resumed, moved away, withdrawn."""

    def make(now: datetime) -> events.AnyEvent:
        when = _when(writing, "life", body, now)
        return events.Paused(**when, until=body.until) if body.what == "paused" else _LIFE[body.what](**when)  # type: ignore[call-arg]

    return await writing.event(caller.scope, patient_id, make)


@router.post("/dispenses", summary="Medicine was handed out")
async def record_dispense(
    caller: Annotated[Caller, may("patients.record")], writing: Writes, patient_id: str, body: DispenseIn
) -> Written:
    """Handed out by anybody; an open request for it is closed with it."""
    medicine = body.medicine.strip().casefold()

    async def change(case: Case) -> events.Dispensed:
        if not caller.scope.covers_team(case.patient.care_team_id):
            raise not_found()
        for row in await Refills(case.session).open_of(patient_id):
            if medicine_of(case.person, row) == medicine:
                row.stage, row.changed = "dispensed", case.now
        fill = Fill(medicine, not_ahead("on", body.on, case.today), body.days)
        return events.Dispensed(**_when(writing, "dispense", body, case.now), fill=fill)

    return await writing.change(patient_id, change)
