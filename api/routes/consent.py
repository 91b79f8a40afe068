"""Which texts a patient wants, and by which ways; every word of it is kept with its source."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import Parts, Session, may
from api.models.consent import ConsentIn, ConsentOut, Word
from api.parts import ApiParts
from api.problems import not_found, unusable
from api.writing import Case, Writes, happened_at, patient_etag
from pathways.engine.events import AnswerReceived, AnyEvent, TextsChosen
from records.callers import Caller
from records.consents import TEXTS, Consents
from records.patients import STATE, Patients, profile_in
from records.tables import Patient
from records.vault import PersonVault

router = APIRouter(prefix="/patients/{patient_id}", tags=["patients"])


@router.get("/consent", summary="Which texts a patient wants")
async def read_consent(
    caller: Annotated[Caller, may("patients.read")], session: Session, parts: Parts, patient_id: str, response: Response
) -> ConsentOut:
    """How it stands, with every word that was said about it."""
    return await _shown(caller, session, parts, patient_id, response)


@router.put("/consent", summary="Write down which texts a patient wants")
async def change_consent(
    caller: Annotated[Caller, may("patients.change")], writing: Writes, patient_id: str, body: ConsentIn, response: Response
) -> ConsentOut:
    """What the patient said on the phone or at a desk; it holds at once, for every pathway. A provider may still hold a *STOP*
    that was texted to it: then only the patient's own *START* brings texts back.
    """

    async def change(case: Case) -> AnyEvent | None:
        if not caller.scope.covers_team(case.patient.care_team_id):
            raise not_found()
        known = writing.parts.channels.by_name
        for name in body.channels:
            if name not in known:
                raise unusable("channels", f"{name} is no way that is open here", f"use some of: {', '.join(sorted(known))}")
        return await _write(case, body, caller, writing.event_id("consent"))

    await writing.change(patient_id, change)
    async with writing.parts.database.reading() as session:
        return await _shown(caller, session, writing.parts, patient_id, response)


async def _write(case: Case, body: ConsentIn, caller: Caller, event_id: str) -> AnyEvent | None:
    """Keep what is new of it. Stopping or starting and the choice of kinds are two events where both changed."""
    texts, refused, agreed = _stands(case.patient, case.person)
    at = happened_at(body.at, case.now)
    told: list[AnyEvent] = []
    consents = Consents(case.session)

    def keep(what: str, event: str, *, given: bool) -> None:
        consents.keep(case.patient.id, what, given=given, source="api", by=caller.id, event=event, at=at)

    news = not agreed if body.texts else texts
    if TEXTS not in await consents.holding(case.patient.id) or news:
        keep(TEXTS, f"{event_id}/texts" if news else "", given=body.texts)
    if news:
        kind: Literal["start", "stop"] = "start" if body.texts else "stop"
        told.append(AnswerReceived(id=f"{event_id}/texts", at=at, learnt=case.now, kind=kind))
    if set(body.refused) != refused:
        for one in sorted(refused ^ set(body.refused)):
            keep(one, event_id, given=one not in body.refused)
        told.append(TextsChosen(id=event_id, at=at, learnt=case.now, refused=tuple(sorted(set(body.refused)))))
    profile = profile_in(case.patient, case.person)
    if tuple(body.channels) != profile.channels:
        await case.patients.update_profile(case.patient, replace(profile, channels=tuple(dict.fromkeys(body.channels))))
    for event in told[:-1]:
        await case.log.append(event)
    return told[-1] if told else None


def _stands(patient: Patient, person: PersonVault) -> tuple[bool, set[str], bool]:
    """Whether they are texted, what kinds they refuse, and whether they said yes to texts, as the last step had it."""
    state = person.open(STATE, patient.state) if patient.state else {}
    texts = not state.get("opted_out")
    return texts, set(state.get("refused", ())), texts and bool(state.get("agreed"))


async def _shown(caller: Caller, session: AsyncSession, parts: ApiParts, patient_id: str, response: Response) -> ConsentOut:
    patients = Patients(session, parts.vault)
    patient = await patients.in_scope(caller.scope, patient_id)
    if patient is None:
        raise not_found()
    try:
        person = await patients.vault_of(patient_id)
    except LookupError:
        raise not_found() from None
    texts, refused, _ = _stands(patient, person)
    response.headers["ETag"] = patient_etag(patient)
    return ConsentOut(
        texts=texts,
        refused=sorted(refused),
        channels=list(profile_in(patient, person).channels),
        words=[
            Word(what=word.what, given=word.given, source=word.source, by=word.by, at=word.at)
            for word in await Consents(session).words(patient_id)
        ],
    )
