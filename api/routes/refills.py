"""Refill requests: the pharmacy's inbox, and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlalchemy import select

from api.depends import After, Limit, Parts, Session, may
from api.models.base import Happened, Written
from api.models.work import RefillDispensed, RefillOut, RefillPage, SuppliedPerson
from api.problems import Problem, not_found
from api.showing.patients import name_of
from api.writing import Case, Writes, Writing, happened_at, not_ahead
from pathways.engine.events import Dispensed, Fill, RefillMoved
from records.callers import Caller
from records.patient_list import PatientList
from records.patients import Patients, Profile
from records.refills import MOVES, Refills, medicine_of
from records.scope import NETWORK
from records.tables import Patient, RefillRow

router = APIRouter(prefix="/refills", tags=["refills"])

Action = Literal["receive", "ready", "out-of-stock", "refuse"]
Stage = Literal["received", "ready", "out_of_stock", "refused"]

_STAGE: Mapping[Action, Stage] = {
    "receive": "received",
    "ready": "ready",
    "out-of-stock": "out_of_stock",
    "refuse": "refused",
}


@router.get("", summary="Refill requests")
async def list_refills(
    caller: Annotated[Caller, may("refills.read")],
    session: Session,
    parts: Parts,
    stage: Annotated[str | None, Query(max_length=40)] = None,
    limit: Limit = 50,
    after: After = None,
) -> RefillPage:
    """What the caller's pharmacy was asked, or all; in the order in which it was asked."""
    page = await Refills(session).page(caller.scope, stage=stage, limit=limit, after=after)
    ids = {row.patient_id for row in page.items}
    asked_for = list(await session.scalars(select(Patient).where(Patient.id.in_(ids))))
    profiles = await PatientList(session, parts.vault).profiles(asked_for)
    people = Patients(session, parts.vault)
    return RefillPage(items=[await _shown(people, row, profiles.get(row.patient_id)) for row in page.items], next=page.next)


@router.post("/{refill_id}/dispense", summary="The medicine was handed out")
async def dispense_refill(
    caller: Annotated[Caller, may("refills.answer")], writing: Writes, refill_id: str, body: RefillDispensed
) -> Written:
    """Closes the request; the next one is asked for before this supply ends."""

    async def change(case: Case) -> Dispensed | None:
        row = await _held(case, refill_id)
        if not _moves(row, "dispensed"):
            return None
        row.stage, row.changed = "dispensed", case.now
        fill = Fill(medicine_of(case.person, row), not_ahead("on", body.on, case.today), body.days)
        at = happened_at(body.at, case.now)
        return Dispensed(id=writing.event_id("dispense", body), at=at, learnt=case.now, fill=fill)

    return await writing.change(await _patient_of(writing, caller, refill_id), change)


@router.post("/{refill_id}/{action}", summary="The pharmacy answers")
async def move_refill(
    caller: Annotated[Caller, may("refills.answer")], writing: Writes, refill_id: str, action: Action, body: Happened | None = None
) -> Written:
    """Received, ready, out of stock, refused."""
    said, stage = body or Happened(), _STAGE[action]

    async def change(case: Case) -> RefillMoved | None:
        row = await _held(case, refill_id)
        if not _moves(row, stage):
            return None
        row.stage, row.changed = stage, case.now
        at, event_id = happened_at(said.at, case.now), writing.event_id(f"refill/{action}", said)
        return RefillMoved(id=event_id, at=at, learnt=case.now, refill=row.refill, stage=stage)

    return await writing.change(await _patient_of(writing, caller, refill_id), change)


def _moves(row: RefillRow, stage: str) -> bool:
    """Whether the request moves; False where it was told twice. Raises Problem 409."""
    if row.stage == stage:
        return False
    if row.stage not in MOVES[stage]:
        raise Problem(409, f"This request is {row.stage}; it cannot become {stage}.")
    return True


async def _held(case: Case, refill_id: str) -> RefillRow:
    row = await Refills(case.session).one(NETWORK, refill_id)
    if row is None:
        raise not_found()
    return row


async def _patient_of(writing: Writing, caller: Caller, refill_id: str) -> str:
    async with writing.parts.database.reading() as session:
        row = await Refills(session).one(caller.scope, refill_id)
        if row is None:
            raise not_found()
        return row.patient_id


async def _shown(people: Patients, row: RefillRow, profile: Profile | None) -> RefillOut:
    medicine = medicine_of(await people.vault_of(row.patient_id), row) if profile is not None else ""
    return RefillOut(
        id=row.id,
        patient=SuppliedPerson(id=row.patient_id, name=name_of(profile), phone=profile.phone if profile else None),
        medicine=medicine,
        stage=row.stage,
        asked=row.asked,
        runs_out=row.runs_out,
        pharmacy=row.pharmacy_id,
    )
