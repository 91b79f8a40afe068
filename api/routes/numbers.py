"""Numbers of a patient: those in use, and those that wait to be confirmed. Who confirmed one is in the audit log."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter

from api.depends import Parts, Session, may
from api.models.base import Written
from api.models.numbers import Mark, NumberIn, NumbersOut, NumberUsed, NumberWaiting
from api.problems import Problem, not_found
from api.routes.messages import opened
from api.writing import Case, Writes, Writing, happened_at
from pathways.engine.events import NumberSettled
from records.callers import Caller
from records.number_marks import NumberMarks
from records.numbers import NumberChanges, is_open, number_in
from records.patients import Held, Patients, profile_in

router = APIRouter(prefix="/patients/{patient_id}/numbers", tags=["patients"])

Changes = Annotated[Caller, may("patients.change")]


@router.get("", summary="Numbers of a patient")
async def read_numbers(
    caller: Annotated[Caller, may("patients.read")], session: Session, parts: Parts, patient_id: str
) -> NumbersOut:
    """Those that texts go to, and those that were given and are not confirmed yet."""
    patients = Patients(session, parts.vault)
    person = await opened(patients, caller.scope, patient_id)
    patient = await patients.get(patient_id)
    if patient is None:
        raise not_found()
    profile, now = profile_in(patient, person), await parts.clock.now(session)
    marks = {who: await _marks(NumberMarks(session), patient_id, who) for who in ("patient", "carer")}
    used: list[NumberUsed] = []
    if profile.phone:
        used.append(NumberUsed(who="patient", number=profile.phone, marks=marks["patient"]))
    if profile.carer_phone:
        used.append(NumberUsed(who="carer", number=profile.carer_phone, marks=marks["carer"]))
    waiting = await NumberChanges(session, parts.vault).of(patient_id)
    return NumbersOut(
        used=used,
        waiting=[
            NumberWaiting(
                who=who,
                number=number_in(one, person),
                given=one.asked,
                by=one.by,
                wrong_answers=one.tries,
                answered_by=one.expires,
                still_asked=is_open(one, now),
            )
            for who, one in waiting.items()
        ],
    )


async def _marks(marks: NumberMarks, patient_id: str, who: str) -> list[Mark]:
    found = await marks.table(patient_id, who)
    return [Mark(channel=mark.channel, reason=mark.reason, at=mark.at) for mark in found]


@router.post("/confirm", summary="A new number is theirs")
async def confirm_number(caller: Changes, writing: Writes, patient_id: str, body: NumberIn) -> Written:
    """Somebody called it, or was shown the phone: texts go there from now on."""
    return await _settle(caller, writing, patient_id, body, "confirmed")


@router.post("/withdraw", summary="A new number is not theirs")
async def withdraw_number(caller: Changes, writing: Writes, patient_id: str, body: NumberIn) -> Written:
    """It is forgotten; texts go where they went before."""
    return await _settle(caller, writing, patient_id, body, "withdrawn")


async def _settle(
    caller: Caller, writing: Writing, patient_id: str, body: NumberIn, how: Literal["confirmed", "withdrawn"]
) -> Written:
    async def change(case: Case) -> NumberSettled:
        if not caller.scope.covers_team(case.patient.care_team_id):
            raise not_found()
        numbers = NumberChanges(case.session, case.patients.vault)
        waiting = (await numbers.of(case.patient.id)).get(body.who)
        if waiting is None:
            raise Problem(409, f"No number of the {body.who}'s waits to be confirmed. Give one with POST /patients/{{id}}/move.")
        event_id = f"{waiting.event}/{how}"
        if how == "confirmed":
            await numbers.use(case.patients, Held(case.patient, case.person), waiting)
        else:
            await numbers.drop(case.patient.id, body.who)
        return NumberSettled(id=event_id, at=happened_at(body.at, case.now), learnt=case.now, who=body.who, how=how)

    return await writing.change(patient_id, change)
