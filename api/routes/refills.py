"""Refill requests: the pharmacy's inbox, and its answers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answering
from api.depends import After, Language, Limit, Parts, Session, may
from api.models.base import Happened, Written
from api.models.refills import (
    OutOfStock,
    PharmacistsWord,
    PharmacyRefusal,
    RefillDispensed,
    RefillOut,
    RefillPage,
    SubstituteProposed,
    SubstituteRefused,
)
from api.refilling import Answer
from api.showing.patients import Showing
from api.showing.requests import show_refills
from api.substituting import Substitute
from api.writing import Writes
from records.callers import Caller
from records.refills import OPEN, refills
from records.requests import etag
from records.tables import RefillRow

router = APIRouter(prefix="/refills", tags=["refills"])

Reads = Annotated[Caller, may("refills.read")]
Answers = Annotated[Caller, may("refills.answer")]
Decides = Annotated[Caller, may("refills.decide")]


@router.get("", summary="Refill requests")
async def list_refills(
    caller: Reads,
    session: Session,
    parts: Parts,
    stage: Annotated[str | None, Query(max_length=40)] = None,
    patient: Annotated[str | None, Query(max_length=40, description="a patient's id")] = None,
    open: Annotated[bool | None, Query(description="true: somebody still has the next word; false: closed")] = None,
    limit: Limit = 50,
    after: After = None,
    language: Language = "en",
) -> RefillPage:
    """What the caller's pharmacy was asked, or was asked for the caller's patients; in the order in which it was asked."""
    wanted = ((RefillRow.stage, stage), (RefillRow.patient_id, patient))
    where = [column == value for column, value in wanted if value is not None]
    if open is not None:
        where.append(RefillRow.stage.in_(OPEN) if open else RefillRow.stage.not_in(OPEN))
    page = await refills(session).page(caller.scope, *where, limit=limit, after=after)
    showing = Showing(session, parts.vault, parts.plans, language)
    return RefillPage(items=await show_refills(showing, page.items), next=page.next)


@router.get("/{refill_id}", summary="One refill request")
async def read_refill(
    caller: Reads, session: Session, parts: Parts, refill_id: str, response: Response, language: Language = "en"
) -> RefillOut:
    """Its ETag changes whenever it moves."""
    row = await answering.one(refills(session), caller.scope, refill_id)
    response.headers["ETag"] = etag(row)
    (shown,) = await show_refills(Showing(session, parts.vault, parts.plans, language), [row])
    return shown


@router.post("/{refill_id}/receive", summary="The pharmacy has the request")
async def receive(caller: Answers, writing: Writes, refill_id: str, body: Happened | None = None) -> Written:
    """It was read, and is being looked after."""
    return await Answer(writing, caller.scope, refill_id, body or Happened()).moves("received")


@router.post("/{refill_id}/ready", summary="The medicine is ready")
async def ready(caller: Answers, writing: Writes, refill_id: str, body: Happened | None = None) -> Written:
    """The patient is told to fetch it, with the code for which it is handed out."""
    return await Answer(writing, caller.scope, refill_id, body or Happened()).moves("ready")


@router.post("/{refill_id}/out-of-stock", summary="The pharmacy has run out")
async def out_of_stock(caller: Answers, writing: Writes, refill_id: str, body: OutOfStock | None = None) -> Written:
    """The next pharmacy is asked; this one is passed over for the medicine until it has it again."""
    body = body or OutOfStock()
    return await Answer(writing, caller.scope, refill_id, body).moves("out_of_stock", until=body.until)


@router.post("/{refill_id}/refuse", summary="The pharmacy refuses")
async def refuse(caller: Answers, writing: Writes, refill_id: str, body: PharmacyRefusal) -> Written:
    """With its reason; the next pharmacy is asked."""
    return await Answer(writing, caller.scope, refill_id, body).moves("refused", reason=body.reason)


@router.post("/{refill_id}/clear", summary="The pharmacist has looked at the warnings")
async def clear(caller: Answers, writing: Writes, refill_id: str, body: PharmacistsWord) -> Written:
    """With their word; from then on it may be made ready and handed out, where the checks ask for one."""
    return await Answer(writing, caller.scope, refill_id, body).clears(body.word)


@router.post("/{refill_id}/propose-substitute", summary="The pharmacy proposes another medicine")
async def propose_substitute(caller: Answers, writing: Writes, refill_id: str, body: SubstituteProposed) -> Written:
    """In place of one that it lacks; a doctor of the care team decides."""
    return await Substitute(writing, caller.scope, refill_id, body).proposes(body.medicine, body.word)


@router.post("/{refill_id}/approve-substitute", summary="A doctor approves the substitute")
async def approve_substitute(caller: Decides, writing: Writes, refill_id: str, body: Happened | None = None) -> Written:
    """The request goes on with it, and the patient takes it from then on."""
    return await Substitute(writing, caller.scope, refill_id, body or Happened()).approves()


@router.post("/{refill_id}/refuse-substitute", summary="A doctor refuses the substitute")
async def refuse_substitute(caller: Decides, writing: Writes, refill_id: str, body: SubstituteRefused) -> Written:
    """With the reason; the next pharmacy is asked for the medicine itself."""
    return await Substitute(writing, caller.scope, refill_id, body).refuses(body.reason)


@router.post("/{refill_id}/dispense", summary="The medicine was handed out")
async def dispense(caller: Answers, writing: Writes, refill_id: str, body: RefillDispensed) -> Written:
    """The whole closes the request; a part leaves it open for the rest. The next one is asked for before the supply ends.

    What was made ready is handed out for the code that the patient was texted; five wrong ones, and none is taken that day.
    """
    return await Answer(writing, caller.scope, refill_id, body).dispenses(body)
