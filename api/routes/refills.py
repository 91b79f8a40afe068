"""Refill requests: the pharmacy's inbox, and its answers."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from api import answering
from api.depends import After, Limit, Parts, Session, may
from api.models.base import Happened, Written
from api.models.requests import OutOfStock, PharmacyRefusal, RefillDispensed, RefillOut, RefillPage
from api.problems import unusable
from api.showing.patients import Showing
from api.showing.requests import show_refills
from api.writing import Case, Writes, Writing, happened_at, not_ahead
from pathways.engine.events import Dispensed, Fill, RefillMoved
from records.callers import Caller
from records.refills import MOVES, OPEN, lacks, medicine_of, refills
from records.refills import refuse as keep_reason
from records.requests import etag
from records.tables import RefillRow

router = APIRouter(prefix="/refills", tags=["refills"])

Reads = Annotated[Caller, may("refills.read")]
Answers = Annotated[Caller, may("refills.answer")]
Stage = Literal["received", "ready", "out_of_stock", "refused"]


@router.get("", summary="Refill requests")
async def list_refills(
    caller: Reads,
    session: Session,
    parts: Parts,
    stage: Annotated[str | None, Query(max_length=40)] = None,
    patient: Annotated[str | None, Query(max_length=40, description="a patient's id")] = None,
    open: Annotated[bool | None, Query(description="true: the pharmacy still has the next word; false: closed")] = None,
    limit: Limit = 50,
    after: After = None,
) -> RefillPage:
    """What the caller's pharmacy was asked, or was asked for the caller's patients; in the order in which it was asked."""
    wanted = ((RefillRow.stage, stage), (RefillRow.patient_id, patient))
    where = [column == value for column, value in wanted if value is not None]
    if open is not None:
        where.append(RefillRow.stage.in_(OPEN) if open else RefillRow.stage.not_in(OPEN))
    page = await refills(session).page(caller.scope, *where, limit=limit, after=after)
    return RefillPage(items=await show_refills(Showing(session, parts.vault, parts.plans), page.items), next=page.next)


@router.get("/{refill_id}", summary="One refill request")
async def read_refill(caller: Reads, session: Session, parts: Parts, refill_id: str, response: Response) -> RefillOut:
    """Its ETag changes whenever it moves."""
    row = await answering.one(refills(session), caller.scope, refill_id)
    response.headers["ETag"] = etag(row)
    (shown,) = await show_refills(Showing(session, parts.vault, parts.plans), [row])
    return shown


@router.post("/{refill_id}/receive", summary="The pharmacy has the request")
async def receive(caller: Answers, writing: Writes, refill_id: str, body: Happened | None = None) -> Written:
    """It was read, and is being looked after."""
    return await _moves(writing, caller, refill_id, body or Happened(), "received")


@router.post("/{refill_id}/ready", summary="The medicine is ready")
async def ready(caller: Answers, writing: Writes, refill_id: str, body: Happened | None = None) -> Written:
    """The patient is told to fetch it."""
    return await _moves(writing, caller, refill_id, body or Happened(), "ready")


@router.post("/{refill_id}/out-of-stock", summary="The pharmacy has run out")
async def out_of_stock(caller: Answers, writing: Writes, refill_id: str, body: OutOfStock | None = None) -> Written:
    """The next pharmacy is asked; this one is passed over for the medicine until it has it again."""
    return await _moves(writing, caller, refill_id, body or OutOfStock(), "out_of_stock")


@router.post("/{refill_id}/refuse", summary="The pharmacy refuses")
async def refuse(caller: Answers, writing: Writes, refill_id: str, body: PharmacyRefusal) -> Written:
    """With its reason; the next pharmacy is asked."""
    return await _moves(writing, caller, refill_id, body, "refused")


@router.post("/{refill_id}/dispense", summary="The medicine was handed out")
async def dispense(caller: Answers, writing: Writes, refill_id: str, body: RefillDispensed) -> Written:
    """The whole closes the request; a part leaves it open for the rest. The next one is asked for before the supply ends."""
    stage = "part" if body.part else "dispensed"

    async def change(case: Case, row: RefillRow) -> Dispensed | None:
        if row.stage == stage == "dispensed":
            return None  # told twice
        answering.may_move(MOVES, row.stage, stage, what="request")
        row.stage, row.changed = stage, case.now
        fill = Fill(medicine_of(case.person, row), not_ahead("on", body.on, case.today), body.days)
        at = happened_at(body.at, case.now)
        return Dispensed(id=writing.event_id("dispense", body), at=at, learnt=case.now, fill=fill, part=body.part)

    return await answering.answer(writing, caller.scope, refills, refill_id, change)


async def _moves(writing: Writing, caller: Caller, refill_id: str, body: Happened, stage: Stage) -> Written:
    async def change(case: Case, row: RefillRow) -> RefillMoved | None:
        if isinstance(body, OutOfStock):
            if body.until is not None and body.until <= case.today:
                raise unusable("until", "does not lie ahead", "give the first day with the medicine again, or leave it out")
            medicine = medicine_of(case.person, row)
            if row.stage == stage or row.stage in MOVES[stage]:
                await lacks(case.session, row.pharmacy_id, medicine, until=body.until, at=case.now)
        if row.stage == stage:
            return None  # told twice
        answering.may_move(MOVES, row.stage, stage, what="request")
        if isinstance(body, PharmacyRefusal):
            keep_reason(case.person, row, body.reason)
        row.stage, row.changed = stage, case.now
        at, id_ = happened_at(body.at, case.now), writing.event_id(f"refill/{stage}", body)
        return RefillMoved(id=id_, at=at, learnt=case.now, refill=row.refill, stage=stage)

    return await answering.answer(writing, caller.scope, refills, refill_id, change)
