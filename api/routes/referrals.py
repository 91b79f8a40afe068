"""Referrals: the asked place's inbox, and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlalchemy import select

from api.depends import After, Language, Limit, Parts, Session, may
from api.models.base import Written
from api.models.work import ReferralAnswer, ReferralOut, ReferralPage, ReferralSummary, ReferredPerson
from api.problems import Problem, not_found, unusable
from api.showing.patients import Showing, name_of
from api.showing.tasks import row_text
from api.writing import Case, Writes, happened_at
from pathways.engine.events import ReferralMoved, ReferralStage
from records.callers import Caller
from records.patient_list import PatientList
from records.patients import Patients
from records.referrals import MOVES, Referrals, answer, told
from records.scope import NETWORK
from records.tables import Patient, ReferralRow

router = APIRouter(prefix="/referrals", tags=["referrals"])

Action = Literal["receive", "accept", "refuse", "book", "attended", "not-attended", "complete"]

_STAGE: Mapping[Action, ReferralStage] = {
    "receive": "received",
    "accept": "accepted",
    "refuse": "refused",
    "book": "booked",
    "attended": "attended",
    "not-attended": "not_attended",
    "complete": "completed",
}


@router.get("", summary="Referrals")
async def list_referrals(
    caller: Annotated[Caller, may("referrals.read")],
    session: Session,
    parts: Parts,
    stage: Annotated[str | None, Query(max_length=40)] = None,
    limit: Limit = 50,
    after: After = None,
    language: Language = "en",
) -> ReferralPage:
    """What the caller's place was asked, or all; in the order in which it was asked."""
    page = await Referrals(session).page(caller.scope, stage=stage, limit=limit, after=after)
    showing = Showing(session, parts.vault, parts.plans, language)
    ids = {row.patient_id for row in page.items}
    patients = {p.id: p for p in await session.scalars(select(Patient).where(Patient.id.in_(ids)))}
    return ReferralPage(items=[await _shown(showing, row, patients[row.patient_id]) for row in page.items], next=page.next)


@router.post("/{referral_id}/{action}", summary="The place answers")
async def move_referral(
    caller: Annotated[Caller, may("referrals.answer")],
    writing: Writes,
    referral_id: str,
    action: Action,
    body: ReferralAnswer | None = None,
) -> Written:
    """Received, accepted, refused, booked (with its day), attended or not, completed (with a report)."""
    said = body or ReferralAnswer()
    if action == "book" and said.day is None:
        raise unusable("day", "is needed to book", "give the day on which the patient is expected")
    async with writing.parts.database.reading() as session:
        row = await Referrals(session).one(caller.scope, referral_id)
        if row is None:
            raise not_found()
        patient_id = row.patient_id
    stage = _STAGE[action]

    async def change(case: Case) -> ReferralMoved | None:
        held = await Referrals(case.session).one(NETWORK, referral_id)
        if held is None:
            raise not_found()
        answer(case.person, held, reason=said.reason, report=said.report)
        if held.stage == stage and (stage != "booked" or held.day == said.day):
            return None  # told twice
        if held.stage not in MOVES[stage]:
            raise Problem(409, f"This referral is {held.stage}; it cannot become {stage}.")
        at = happened_at(said.at, case.now)
        held.stage, held.changed = stage, case.now
        if stage == "booked":
            held.day = said.day
        event_id = writing.event_id(f"referral/{action}", said)
        return ReferralMoved(id=event_id, at=at, learnt=case.now, referral=held.referral, stage=stage, day=said.day)

    return await writing.change(patient_id, change)


async def _shown(showing: Showing, row: ReferralRow, patient: Patient) -> ReferralOut:
    profile = (await PatientList(showing.session, showing.vault).profiles([patient])).get(patient.id)
    body = told(await Patients(showing.session, showing.vault).vault_of(patient.id), row) if profile is not None else {}
    plan = await showing.plan(patient.id)
    return ReferralOut(
        id=row.id,
        patient=ReferredPerson(
            id=patient.id,
            name=name_of(profile),
            born=profile.born if profile else None,
            sex=profile.sex if profile else "unknown",
            phone=profile.phone if profile else None,
        ),
        urgency=row.urgency,
        stage=row.stage,
        asked=row.asked,
        changed=row.changed,
        day=row.day,
        place=row.place_id,
        summary=ReferralSummary(
            pathway=body.get("pathway", ""),
            row=body.get("row", ""),
            inputs=body.get("inputs", {}),
            because=row_text(plan.pathways.get(body.get("pathway", "")), body.get("row", ""), showing.language),
        ),
        reason=body.get("reason"),
        report=body.get("report"),
    )
