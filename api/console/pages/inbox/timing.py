"""How long somebody still has: for a referral's stage, and until a medicine ends.

Rule: the engine acts on limits (silence.py); here they are only shown, by the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from api.models.requests import ReferralOut
from pathways.engine.calendar import staff_moment
from pathways.engine.limits import Limits
from pathways.engine.plan import Plan

#: Where somebody's silence has a limit. Ours, and not the place's, is ``more_asked``.
LIMITED = frozenset({"requested", "received", "more_asked", "accepted", "booked", "attended", "in_progress"})


@dataclass(frozen=True, slots=True)
class Left:
    """``ends``: when the limit is over; ``share``: how much of it is gone, 0 to 1."""

    ends: datetime
    span: timedelta
    share: float

    @property
    def over(self) -> bool:
        return self.span < timedelta(0)

    @property
    def soon(self) -> bool:
        """Less than a fourth is left."""
        return self.share >= 0.75

    @property
    def length(self) -> timedelta:
        """How long it still is, or has been over."""
        return abs(self.span)


def left(shown: ReferralOut, limits: Limits, plan: Plan, zone: str, now: datetime) -> Left | None:
    """How long the one who has the next word may still be silent; None where nothing waits."""
    if shown.stage not in LIMITED:
        return None
    stage = "abort_asked" if shown.abort_asked is not None else shown.stage
    within = limits.of(shown.urgency, stage, _stated(plan, shown)).within
    begins = shown.since
    if stage == "more_asked":
        begins = shown.changed
    elif stage == "abort_asked":
        begins = shown.abort_asked or shown.since
    elif stage == "booked" and shown.day is not None:
        begins = staff_moment(shown.day, zone)
    ends = begins + within
    gone = (now - begins) / within if within else 1.0
    return Left(ends, ends - now, min(1.0, max(0.0, gone)))


def age(born: date | None, today: date) -> int | None:
    """Whole years."""
    if born is None:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _stated(plan: Plan, shown: ReferralOut) -> timedelta | None:
    """What the pathway itself says of how long silence is accepted."""
    pathway = plan.pathways.get(shown.summary.pathway)
    services = pathway.services.values() if pathway is not None else ()
    return min((one.answer_within[shown.urgency] for one in services if shown.urgency in one.answer_within), default=None)
