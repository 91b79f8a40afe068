"""The one clock, and how much is still being worked on."""

from __future__ import annotations

from fastapi import APIRouter

from activities.housekeeping import Pulse
from api.depends import Administrator, Anybody, Parts
from api.models.base import AMoment, Model, Moment
from api.problems import Problem
from records.clock import ClockNotDriven, TimeRunsForward

router = APIRouter(prefix="/clock", tags=["clock"])


class ClockOut(Model):
    """``settled``: nothing due or told is waiting. ``unsettled``: how much is. ``next_due``: for anybody."""

    now: Moment
    driven: bool
    settled: bool
    unsettled: int
    next_due: Moment | None


class MoveTo(Model):
    """The moment to which driven time moves."""

    to: AMoment


@router.get("", summary="The present moment")
async def read_clock(caller: Anybody, parts: Parts) -> ClockOut:
    """Where time stands, and whether everything due has settled."""
    return _shown(await parts.keeping.pulse())


@router.post("", summary="Move driven time")
async def move_clock(caller: Administrator, parts: Parts, body: MoveTo) -> ClockOut:
    """Move time forward and wake everybody for whom something is due."""
    try:
        async with parts.database.begin() as session:
            await parts.clock.move(session, body.to)
    except (ClockNotDriven, TimeRunsForward) as refused:
        raise Problem(409, str(refused)) from None
    await parts.keeping.wake_due()
    return _shown(await parts.keeping.pulse())


def _shown(pulse: Pulse) -> ClockOut:
    return ClockOut(now=pulse.now, driven=pulse.driven, settled=pulse.settled, unsettled=pulse.unsettled, next_due=pulse.next_due)
