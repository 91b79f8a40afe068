"""Referrals and refill requests as the places and the care teams see them; a few queries however long the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.models.refills import HandedOut, RefillOut, SuppliedPerson, WarningOut
from api.models.requests import ReferralOut, ReferralSummary, ReferredPerson, SaidOut
from api.showing.patients import UNKNOWN, Showing, name_of
from api.showing.tasks import row_text
from api.showing.words import in_language
from pathways.engine.plan import Pathway
from records import referrals, refills
from records.looking_up import About
from records.patients import Profile, profile_in
from records.referrals import Said
from records.requests import could_become
from records.tables import ReferralRow, RefillRow
from records.vault import PersonVault


@dataclass(frozen=True, slots=True)
class _Whom:
    """Whom a request is about. Both are None for a person who was forgotten."""

    person: PersonVault | None
    profile: Profile | None


async def show_referrals(showing: Showing, rows: Sequence[ReferralRow]) -> list[ReferralOut]:
    """In their order."""
    whom = await _whom(showing, rows)
    return [await _referral(showing, row, whom[row.patient_id]) for row in rows]


async def show_refills(showing: Showing, rows: Sequence[RefillRow]) -> list[RefillOut]:
    """In their order."""
    whom = await _whom(showing, rows)
    return [_refill(row, whom[row.patient_id], showing.language) for row in rows]


async def _whom(showing: Showing, rows: Sequence[ReferralRow] | Sequence[RefillRow]) -> dict[str, _Whom]:
    about = await showing.about(row.patient_id for row in rows)
    return {row.patient_id: _opened(about[row.patient_id]) for row in rows}


def _opened(one: About) -> _Whom:
    return _Whom(one.person, profile_in(one.patient, one.person) if one.person is not None else None)


async def _referral(showing: Showing, row: ReferralRow, whom: _Whom) -> ReferralOut:
    body = referrals.told(whom.person, row) if whom.person is not None else {}
    said = referrals.thread(body)
    plan = await showing.plan(row.patient_id)
    pathway, rule, profile = body.get("pathway", ""), body.get("row", ""), whom.profile or UNKNOWN
    moves = could_become(referrals.MOVES, referrals.stands_at(body, row.stage))
    return ReferralOut(
        id=row.id,
        patient=ReferredPerson(
            id=row.patient_id, name=name_of(whom.profile), born=profile.born, sex=profile.sex, phone=profile.phone
        ),
        urgency=row.urgency,
        stage=row.stage,
        asked=row.asked,
        changed=row.changed,
        since=row.since,
        first_asked=body.get("first_asked", row.asked),
        reminded=row.reminded,
        abort_asked=row.abort_asked,
        cancelled=body.get("cancelled"),
        day=row.day,
        place=row.place_id,
        summary=ReferralSummary(
            pathway=pathway,
            row=rule,
            inputs=body.get("inputs", {}),
            because=row_text(plan.pathways.get(pathway), rule, showing.language),
            cites=row_cites(plan.pathways.get(pathway), rule),
        ),
        reason=_last(said, "reason"),
        report=_last(said, "report"),
        instructions=_last(said, "instructions"),
        thread=[SaidOut(at=one.at, side=one.side, kind=one.kind, text=one.text) for one in said],
        moves=[to for to in moves if to != row.stage and (to != "aborted" or row.abort_asked is not None)],
    )


def row_cites(pathway: Pathway | None, rule: str) -> str | None:
    """The source that a row of the pathway rests on; the pathway's own where the row names none."""
    if pathway is None:
        return None
    rows = (row for table in pathway.tables.values() for row in table.rows if row.id == rule)
    return next((row.cites or pathway.basis for row in rows), None)


def _last(said: Sequence[Said], kind: str) -> str | None:
    return next((one.text for one in reversed(said) if one.kind == kind), None)


def _refill(row: RefillRow, whom: _Whom, language: str) -> RefillOut:
    asked = refills.asked_of(whom.person, row) if whom.person is not None else {}
    phone = whom.profile.phone if whom.profile else None
    return RefillOut(
        id=row.id,
        patient=SuppliedPerson(id=row.patient_id, name=name_of(whom.profile), phone=phone),
        medicine=asked.get("medicine", ""),
        instead_of=asked.get("instead_of"),
        proposed=asked.get("proposed") if row.stage == "substitute_proposed" else None,
        proposal=asked.get("proposal") if row.stage == "substitute_proposed" else None,
        days=asked.get("days"),
        check=asked.get("check", "go"),
        warnings=[WarningOut(**{**one, "because": in_language(one["because"], language)}) for one in asked.get("warnings", ())],
        word=asked.get("word"),
        stage=row.stage,
        asked=row.asked,
        changed=row.changed,
        runs_out=row.runs_out,
        pharmacy=row.pharmacy_id,
        reason=asked.get("reason"),
        handed=[HandedOut(**one) for one in asked.get("handed", ())],
        moves=list(could_become(refills.MOVES, row.stage)),
    )
