"""A patient's timeline with its reasons, and the messages that went and came."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.depends import After, Language, Limit, Parts, Session, may
from api.models.story import MessagesOut, TimelineOut
from api.models.usage import UsageLine, UsageOut
from api.problems import not_found, unusable
from api.showing.came_of import behind
from api.showing.rolled import rolled
from api.showing.story import message, timeline_line
from records.callers import Caller
from records.messages import Messages
from records.patients import Patients
from records.scope import Scope
from records.tables import JobRow, Patient
from records.timeline import Timeline
from records.usage import UsageCounts
from records.vault import PersonVault

__all__ = ["opened", "router", "timeline_line", "usage_router"]

router = APIRouter(prefix="/patients/{patient_id}", tags=["patients"])
usage_router = APIRouter(prefix="/messages", tags=["messages"])

LONGEST = {"day": timedelta(days=62), "month": timedelta(days=1100)}


@router.get("/timeline", summary="Why things were done, or were not")
async def read_timeline(
    caller: Annotated[Caller, may("patients.read")],
    session: Session,
    parts: Parts,
    patient_id: str,
    language: Language = "en",
    limit: Annotated[int, Query(ge=1, le=2000)] = 1000,
    after: After = None,
) -> TimelineOut:
    """Every reason of the patient's steps, oldest first."""
    patients = Patients(session, parts.vault)
    person = await opened(patients, caller.scope, patient_id)
    page = await Timeline(session).of(person, limit=limit, after=after)
    rollouts = await rolled(session, [found.reason for found in page.items])
    timezone = (await session.get_one(Patient, patient_id)).timezone
    known = await behind(session, person, page.items, timezone)
    lines = [timeline_line(found, language, rollouts=rollouts, known=known) for found in page.items]
    return TimelineOut(items=lines, next=page.next)


@router.get("/messages", summary="Messages of a patient")
async def read_messages(
    caller: Annotated[Caller, may("patients.read")],
    session: Session,
    parts: Parts,
    patient_id: str,
    limit: Limit = 50,
    after: After = None,
) -> MessagesOut:
    """What went and came, newest first, with what became of each."""
    person = await opened(Patients(session, parts.vault), caller.scope, patient_id)
    page = await Messages(session).page(person, limit=limit, after=after)
    return MessagesOut(items=[message(text) for text in page.items], next=page.next)


@usage_router.get("/usage", summary="What texts cost")
async def read_usage(
    caller: Annotated[Caller, may("usage.read")],
    session: Session,
    parts: Parts,
    by: Literal["day", "month"] = "month",
    first: Annotated[date | None, Query(description="a day (UTC); the first of this month unless given")] = None,
    last: Annotated[date | None, Query(description="a day (UTC); today unless given")] = None,
    team: Annotated[str | None, Query(max_length=40, description="only this care team's")] = None,
    limit: Annotated[int, Query(ge=1, le=2000)] = 500,
    after: After = None,
) -> UsageOut:
    """Texts that providers took, their segments and cost, of the caller's teams; nothing of any patient."""
    today = (await parts.clock.now(session)).date()
    last = last or today
    first = first or min(last, today).replace(day=1)
    if not timedelta() <= last - first <= LONGEST[by]:
        raise unusable("first", "is after last, or too long before it", f"ask for {LONGEST[by].days} days at most by {by}")
    page = await UsageCounts(session).page(caller.scope, first, last, by=by, team=team, limit=limit, after=after)
    counted = await session.get(JobRow, "usage")
    items = [UsageLine(**{name: getattr(line, name) for name in UsageLine.model_fields}) for line in page.items]
    return UsageOut(items=items, next=page.next, counted=counted.succeeded if counted else None)


async def opened(patients: Patients, scope: Scope, patient_id: str) -> PersonVault:
    """The person's vault, if the caller may see them. Raises Problem 404."""
    if await patients.in_scope(scope, patient_id) is None:
        raise not_found()
    try:
        return await patients.vault_of(patient_id)
    except LookupError:
        raise not_found() from None
