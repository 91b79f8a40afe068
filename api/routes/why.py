"""Why, and why not: an answer about one patient and a service, a day, a text or a referral."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from api.asking import asked
from api.depends import Language, Parts, Session, may
from api.models.why import WhyOut
from api.problems import unusable
from api.showing.rolled import rolled
from api.showing.why import show_why
from pathways.forecast.why import Question
from records.callers import Caller

router = APIRouter(prefix="/patients/{patient_id}", tags=["patients"])


@router.get("/why", summary="Why, and why not")
async def read_why(
    caller: Annotated[Caller, may("patients.read")],
    session: Session,
    parts: Parts,
    patient_id: str,
    service: Annotated[str, Query(max_length=80, description="by name, such as follow_up, annual_exam, medicine")] = "",
    day: Annotated[date | None, Query(description="in the patient's time zone, past or ahead")] = None,
    message: Annotated[str, Query(max_length=120, description="a text's name, such as visit_soon, or its key")] = "",
    referral: Annotated[str, Query(max_length=120, description="its key, or the name of the service, such as to_hospital")] = "",
    pathway: Annotated[str, Query(max_length=80, description="narrows the question to one pathway")] = "",
    language: Language = "en",
) -> WhyOut:
    """Which version, row, inputs and citation stand behind it; and where nothing happens, what holds it back.

    Ask about one of service, day, message and referral, or about none for how everything stands.
    """
    given = [name for name, value in {"service": service, "day": day, "message": message, "referral": referral}.items() if value]
    if len(given) > 1:
        raise unusable(given[1], f"is asked about beside {given[0]}", "ask about one thing at a time")
    question = Question(service, day, message, referral, pathway)
    stands = await asked(session, parts, caller.scope, patient_id)
    answer = await asyncio.to_thread(stands.why, question)  # looking ahead takes the engine long enough for others to notice
    return show_why(answer, question, stands.at.plan, patient_id, language, await rolled(session, answer.happened))
