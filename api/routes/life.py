"""What life brings a patient: pauses, hospital, moves, the end. Who told it is in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from api.ahead import standing
from api.depends import may
from api.foreseeing import WOULD, foreseen
from api.models.base import Happened, Written
from api.models.patients import PauseIn
from api.models.story import PreviewOut
from api.parts import ApiParts
from api.problems import not_found, unusable
from api.routes.visits import When, when
from api.writing import Case, Writes, Writing
from pathways.engine import events
from pathways.engine.events import AnyEvent
from records.callers import Caller
from records.scope import Scope

router = APIRouter(prefix="/patients/{patient_id}", tags=["life"])

Changes = Annotated[Caller, may("patients.change")]
Body = Happened | None

#: By the last word of its route: the kind that its event's id begins with, and the event.
LIFE: Mapping[str, tuple[str, Callable[[When], AnyEvent]]] = {
    "resume": ("resumed", lambda when: events.Resumed(**when)),
    "withdraw": ("withdrawn", lambda when: events.Withdrawn(**when)),
    "died": ("died", lambda when: events.Died(**when)),
    "moved-away": ("moved_away", lambda when: events.MovedAway(**when)),
    "hospitalised": ("hospitalised", lambda when: events.Hospitalised(**when)),
    "discharged": ("discharged", lambda when: events.Discharged(**when)),
}
PAUSE = "pause"


async def tell(scope: Scope, writing: Writing, patient_id: str, deed: str, body: Body = None) -> Written:
    """Store what life brought: a word of ``LIFE``, or ``PAUSE``. Raises Problem 404, 412, 422; KeyError for another word."""
    said = body or (PauseIn() if deed == PAUSE else Happened())
    event_id = writing.event_id("paused" if deed == PAUSE else LIFE[deed][0], said)

    async def change(case: Case) -> AnyEvent:
        if not scope.covers_team(case.patient.care_team_id):
            raise not_found()
        return _event(deed, said, event_id, case.now, case.today)

    return await writing.change(patient_id, change)


async def foresee_life(
    session: AsyncSession, parts: ApiParts, scope: Scope, patient_id: str, deed: str, body: Body, language: str
) -> PreviewOut:
    """What telling it would decide; nothing is stored. Raises as ``tell``."""
    stands = await standing(session, parts, scope, patient_id)
    said = body or (PauseIn() if deed == PAUSE else Happened())
    return await foreseen(session, parts, stands, _event(deed, said, WOULD, stands.now, stands.today), language)


def _event(deed: str, said: Happened, event_id: str, now: datetime, today: date) -> AnyEvent:
    if deed != PAUSE:
        return LIFE[deed][1](when(event_id, said, now))
    until = said.until if isinstance(said, PauseIn) else None
    if until is not None and until < today:
        raise unusable("until", "is past", "give the last day of the pause, or leave it out")
    return events.Paused(**when(event_id, said, now), until=until)


@router.post("/pause", summary="Care rests for a while")
async def pause(caller: Changes, writing: Writes, patient_id: str, body: PauseIn | None = None) -> Written:
    """On the patient's wish, until the end of ``until`` or until resumed; nothing is sent meanwhile."""
    return await tell(caller.scope, writing, patient_id, PAUSE, body)


@router.post("/resume", summary="Care goes on")
async def resume(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """After a pause; what fell due meanwhile is due soon. Back from hospital is told by ``/discharged``."""
    return await tell(caller.scope, writing, patient_id, "resume", body)


@router.post("/withdraw", summary="The patient withdraws")
async def withdraw(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """Does not want to be followed any more: nothing is sent, open work ends."""
    return await tell(caller.scope, writing, patient_id, "withdraw", body)


@router.post("/died", summary="The patient has died")
async def died(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """Nothing is sent any more, to nobody of the family either; open work ends."""
    return await tell(caller.scope, writing, patient_id, "died", body)


@router.post("/moved-away", summary="The patient has moved away")
async def moved_away(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """Left the network's area; a move within it is told by ``/move``."""
    return await tell(caller.scope, writing, patient_id, "moved-away", body)


@router.post("/hospitalised", summary="The patient is in hospital")
async def hospitalised(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """Contacts rest until the discharge."""
    return await tell(caller.scope, writing, patient_id, "hospitalised", body)


@router.post("/discharged", summary="The patient is back from hospital")
async def discharged(caller: Changes, writing: Writes, patient_id: str, body: Body = None) -> Written:
    """Care goes on; what is due by now is done."""
    return await tell(caller.scope, writing, patient_id, "discharged", body)
