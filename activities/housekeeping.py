"""Waking whoever was not woken, and telling whether everything due has settled.

Rule 1: a stored event that no step has taken, or a due moment that nobody came for, is found by a query, not by luck.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, or_, select

from activities.waking import NotWoken, Waker
from pathways.engine.state import ENDED
from records.clock import Clock
from records.database import Database
from records.tables import Delivery, Moment, Patient, StepRow

AT_ONCE = 50
LOOKS_EVERY = 0.03  # seconds
UNSETTLED = ("planned", "attempting")
#: Asked many times a second while somebody waits for everything to settle, so it is built once.
PULSE = select(
    select(func.count()).select_from(Patient).where(Patient.last_event > Patient.taken_event).scalar_subquery(),
    select(func.count()).select_from(Patient).where(Patient.next_due <= bindparam("now", type_=Moment)).scalar_subquery(),
    select(func.count()).select_from(Delivery).where(Delivery.status.in_(UNSETTLED)).scalar_subquery(),
    select(func.min(Patient.next_due)).where(Patient.next_due > bindparam("now", type_=Moment)).scalar_subquery(),
)


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the installation stands at a moment. ``next_due``: the next moment at which something is due for anybody."""

    now: datetime
    driven: bool
    unsettled: int
    next_due: datetime | None

    @property
    def settled(self) -> bool:
        return self.unsettled == 0


@dataclass(frozen=True)
class Housekeeping:
    """Looking after the patients' workflows from outside."""

    database: Database
    clock: Clock
    waker: Waker

    async def pulse(self) -> Pulse:
        """Where time stands, and how much is still being worked on."""
        async with self.database.reading() as session:
            now, driven = await self.clock.read(session)
            counts = await session.execute(PULSE, {"now": now})
            waiting, overdue, handing, next_due = counts.one()
        return Pulse(now, driven, waiting + overdue + handing, next_due)

    async def settled(self, *, within: timedelta) -> Pulse:
        """The pulse once everything due has settled, or as it is when ``within`` is over."""
        until = asyncio.get_running_loop().time() + within.total_seconds()
        pulse = await self.pulse()
        while not pulse.settled and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(LOOKS_EVERY)
            pulse = await self.pulse()
        return pulse

    async def wake_due(self, *, late_by: timedelta = timedelta(0), limit: int = 5000) -> int:
        """Wake everybody with an event untaken or a moment that has come; answers how many. Stops where Temporal is away."""
        async with self.database.reading() as session:
            now = await self.clock.now(session)
            rows = await session.execute(
                select(Patient.id, Patient.last_step)
                .where(or_(Patient.last_event > Patient.taken_event, Patient.next_due <= now - late_by))
                .order_by(Patient.next_due, Patient.id)
                .limit(limit)
            )
            late = [(patient, last_step) for patient, last_step in rows]
        room = asyncio.Semaphore(AT_ONCE)

        async def wake(patient: str, last_step: int) -> bool:
            async with room:
                try:
                    await self.waker.wake(patient, next_step=last_step + 1)
                except NotWoken:
                    return False
                return True

        return sum(await asyncio.gather(*(wake(patient, last_step) for patient, last_step in late)))

    async def start_all(self) -> int:
        """Start every living patient's workflow from the database: the Temporal cluster was lost, or is new."""
        unsettled = (
            select(func.min(Delivery.planned))
            .where(Delivery.patient_id == Patient.id, Delivery.status.in_(UNSETTLED))
            .correlate(Patient)
            .scalar_subquery()
        )
        # Planned and not handed over: the step that planned it says again what is to be delivered.
        begun = (
            select(func.min(StepRow.step))
            .where(StepRow.patient_id == Patient.id, StepRow.at >= unsettled)
            .correlate(Patient)
            .scalar_subquery()
        )
        async with self.database.reading() as session:
            rows = await session.execute(
                select(Patient.id, func.coalesce(begun, Patient.last_step + 1)).where(
                    or_(Patient.life.not_in(ENDED), unsettled.is_not(None))
                )
            )
            living = [(patient, next_step) for patient, next_step in rows]
        for patient, next_step in living:
            await self.waker.wake(patient, next_step=next_step)
        return len(living)
