"""What life brings a patient: pauses, hospital, moves, the end. Who told it is in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter

from api.depends import may
from api.models.base import Happened, Written
from api.models.patients import PauseIn
from api.problems import not_found, unusable
from api.routes.visits import When, when
from api.writing import Case, Writes, Writing
from pathways.engine import events
from pathways.engine.events import AnyEvent
from records.callers import Caller

router = APIRouter(prefix="/patients/{patient_id}", tags=["life"])

Changes = Annotated[Caller, may("patients.change")]
Body = Happened | None


@router.post("/pause", summary="Care rests for a while")
async def pause(caller: Changes, writing: Writes, patient_id: str, body: PauseIn | None = None) -> Written:
    """On the patient's wish, until the end of ``until`` or until resumed; nothing is sent meanwhile."""
    said = body or PauseIn()

    async def change(case: Case) -> events.Paused:
        if not caller.scope.covers_team(case.patient.care_team_id):
            raise not_found()
        if said.until is not None and said.until < case.today:
            raise unusable("until", "is past", "give the last day of the pause, or leave it out")
        return events.Paused(**when(writing.event_id("paused", said), said, case.now), until=said.until)

    return await writing.change(patient_id, change)


@router.post("/resume", summary="Care goes on")
async def resume(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """After a pause; what fell due meanwhile is due soon. Back from hospital is told by ``/discharged``."""
    return await _told(caller, writing, patient_id, body, "resumed", lambda when: events.Resumed(**when))


@router.post("/withdraw", summary="The patient withdraws")
async def withdraw(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """Does not want to be followed any more: nothing is sent, open work ends."""
    return await _told(caller, writing, patient_id, body, "withdrawn", lambda when: events.Withdrawn(**when))


@router.post("/died", summary="The patient has died")
async def died(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """Nothing is sent any more, to nobody of the family either; open work ends."""
    return await _told(caller, writing, patient_id, body, "died", lambda when: events.Died(**when))


@router.post("/moved-away", summary="The patient has moved away")
async def moved_away(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """Left the network's area; a move within it is told by ``/move``."""
    return await _told(caller, writing, patient_id, body, "moved_away", lambda when: events.MovedAway(**when))


@router.post("/hospitalised", summary="The patient is in hospital")
async def hospitalised(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """Contacts rest until the discharge."""
    return await _told(caller, writing, patient_id, body, "hospitalised", lambda when: events.Hospitalised(**when))


@router.post("/discharged", summary="The patient is back from hospital")
async def discharged(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """Care goes on; what is due by now is done."""
    return await _told(caller, writing, patient_id, body, "discharged", lambda when: events.Discharged(**when))


async def _told(
    caller: Caller, writing: Writing, patient_id: str, body: Happened | None, kind: str, make: Callable[[When], AnyEvent]
) -> Written:
    said = body or Happened()
    event_id = writing.event_id(kind, said)

    def event(now: datetime) -> AnyEvent:
        return make(when(event_id, said, now))

    return await writing.event(caller.scope, patient_id, event)
