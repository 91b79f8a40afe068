"""The twelve months ahead of a patient, if all goes to plan."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from api.ahead import standing
from api.depends import Language, Parts, Session, may
from api.models.story import PlanOut
from records.callers import Caller

router = APIRouter(prefix="/patients/{patient_id}", tags=["patients"])


@router.get("/plan", summary="The next twelve months")
async def read_plan(
    caller: Annotated[Caller, may("patients.read")],
    session: Session,
    parts: Parts,
    patient_id: str,
    language: Language = "en",
) -> PlanOut:
    """Visits, screenings, reminders, refills, calls and tasks in order of time, each with why it is there.

    It is the engine of the live patient that looks ahead; what it assumes is said in the answer. Empty for whoever has left, and
    while care rests without a known end.
    """
    stands = await standing(session, parts, caller.scope, patient_id)
    return await stands.year(language)
