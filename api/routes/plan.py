"""The twelve months ahead of a patient, if all goes to plan."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter

from api.ahead import standing
from api.depends import Language, Parts, Session, may
from api.models.story import PlanOut
from api.showing.ahead import show_plan
from pathways.forecast.year import year_ahead
from records.callers import Caller

router = APIRouter(prefix="/patients/{patient_id}", tags=["patients"])

A_YEAR = 365  # days


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
    fill_days = await stands.fill_days()
    planned = await asyncio.to_thread(  # a year takes the engine long enough for others to notice
        year_ahead,
        stands.plan,
        stands.state,
        now=stands.now,
        days=A_YEAR,
        fill_days=fill_days,
        working_day=stands.calendar.worked.last,
        find_day=stands.calendar.find,
    )
    until = stands.today + timedelta(days=A_YEAR)
    return show_plan(planned, stands.plan, since=stands.today, until=until, language=language)
