"""The one clock, and how much is still being worked on."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from activities.housekeeping import Pulse
from api.depends import Parts, may
from api.models.base import AMoment, Model, Moment, example
from api.problems import Problem
from records.callers import Caller
from records.clock import ClockNotDriven, TimeRunsForward

Wait = Annotated[float, Query(ge=0, le=30, description="Seconds to wait until everything due has settled.")]
router = APIRouter(prefix="/clock", tags=["clock"])


class ClockOut(
    Model,
    json_schema_extra=example(now="2025-03-03T01:00:00Z", driven=False, settled=True, unsettled=0, next_due="2025-03-04T01:12:00Z"),
):
    """``settled``: nothing due or told is waiting. ``unsettled``: how much is. ``next_due``: for anybody."""

    now: Moment
    driven: bool
    settled: bool
    unsettled: int
    next_due: Moment | None


class MoveTo(Model, json_schema_extra=example(to="2025-03-04T01:00:00Z")):
    """The moment to which driven time moves."""

    to: AMoment


@router.get("", summary="The present moment")
async def read_clock(caller: Annotated[Caller, may("clock.read")], parts: Parts, wait: Wait = 0) -> ClockOut:
    """Where time stands, and whether everything due has settled; with ``wait``, once it has, or after so many seconds."""
    return _shown(await parts.keeping.settled(within=timedelta(seconds=wait)))


@router.post("", summary="Move driven time")
async def move_clock(caller: Annotated[Caller, may("clock.move")], parts: Parts, body: MoveTo, wait: Wait = 0) -> ClockOut:
    """Move time forward and wake everybody for whom something is due; with ``wait``, answer once it has settled."""
    try:
        async with parts.database.begin() as session:
            await parts.clock.move(session, body.to)
    except (ClockNotDriven, TimeRunsForward) as refused:
        raise Problem(409, str(refused)) from None
    await parts.keeping.wake_due()
    return _shown(await parts.keeping.settled(within=timedelta(seconds=wait)))


def _shown(pulse: Pulse) -> ClockOut:
    return ClockOut(now=pulse.now, driven=pulse.driven, settled=pulse.settled, unsettled=pulse.unsettled, next_due=pulse.next_due)
