"""Counting the work that waits, for the gauges; housekeeping does it once in a while, one process of the installation."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select

from activities.seeing.metrics import Metrics
from records.clock import Clock
from records.database import Database
from records.tables import Delivery, Moment, Patient

NOW = bindparam("now", type_=Moment)
WAITING = select(
    select(func.count()).select_from(Patient).where(Patient.last_event > Patient.taken_event).scalar_subquery(),
    select(func.count()).select_from(Patient).where(Patient.next_due <= NOW).scalar_subquery(),
    select(func.count()).select_from(Delivery).where(Delivery.status == "planned").scalar_subquery(),
    select(func.count()).select_from(Delivery).where(Delivery.status == "attempting").scalar_subquery(),
    select(func.count()).select_from(Delivery).where(Delivery.status == "unknown").scalar_subquery(),
    select(func.min(Patient.next_due)).where(Patient.next_due <= NOW).scalar_subquery(),
)
WHAT = ("untaken_events", "overdue", "planned", "attempting", "unknown")


async def count_waiting(database: Database, clock: Clock, metrics: Metrics) -> dict[str, int]:
    """Set ``cairn_unsettled`` and ``cairn_overdue_oldest_seconds``; answers the counts by ``WHAT``."""
    async with database.reading() as session:
        now = await clock.now(session)
        *counts, oldest = (await session.execute(WAITING, {"now": now})).one()
    for what, count in zip(WHAT, counts, strict=True):
        metrics.unsettled.labels(what).set(count)
    metrics.overdue_oldest_seconds.set((now - oldest).total_seconds() if oldest is not None else 0)
    return dict(zip(WHAT, counts, strict=True))
