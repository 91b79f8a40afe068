"""The numbers a supervisor looks at."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import Parts, Session, may, now_of
from api.models.base import Model, Moment
from api.parts import ApiParts
from records.callers import Caller
from records.tables import Patient
from records.worklist import Counts

router = APIRouter(prefix="/overview", tags=["overview"])

LATELY = timedelta(days=30)


class OverviewOut(Model):
    """Counts over the network; tag and reach of patients in care. ``visits_done`` and ``dispensed`` since ``since``."""

    now: Moment
    patients_by_tag: dict[str, int]
    patients_by_life: dict[str, int]
    patients_by_reach: dict[str, int]
    open_tasks: dict[str, int]
    overdue_tasks: int
    referrals: dict[str, int]
    refills: dict[str, int]
    messages: dict[str, int]
    since: date
    visits_done: int
    calls_made: int
    answers_received: int
    dispensed: int


@router.get("", summary="Counts")
async def read_overview(
    caller: Annotated[Caller, may("overview.read")], session: Session, parts: Parts, since: date | None = None
) -> OverviewOut:
    """How the network stands; what was done is counted over the last thirty days, or since the day asked."""
    return await overview(session, parts, since)


async def overview(session: AsyncSession, parts: ApiParts, since: date | None = None) -> OverviewOut:
    """The counts."""
    now = await now_of(parts, session)
    first = since or now.date() - LATELY
    began = datetime.combine(first, time(0), UTC)
    counts = Counts(session)
    return OverviewOut(
        now=now,
        patients_by_tag=await counts.patients_by(Patient.tag),
        patients_by_life=await counts.patients_by(Patient.life),
        patients_by_reach=await counts.patients_by(Patient.reach),
        open_tasks=await counts.open_tasks(),
        overdue_tasks=await counts.overdue_tasks(on=now.date()),
        referrals=await counts.referrals(),
        refills=await counts.refills(),
        messages=await counts.messages(),
        since=first,
        visits_done=await counts.events("visit_completed", since=began),
        calls_made=await counts.events("call_made", since=began),
        answers_received=await counts.events("answer_received", since=began),
        dispensed=await counts.events("dispensed", since=began),
    )
