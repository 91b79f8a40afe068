"""Waking whoever was not woken, and telling whether everything due has settled.

Rule 1: a stored event that no step has taken, or a due moment that nobody came for, is found by a query, not by luck.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select

from activities.recovery import UNSETTLED, Recovery
from activities.waking import NotWoken, Waker
from records.clock import Clock
from records.database import Database
from records.tables import Delivery, Moment, Patient

AT_ONCE = 50
LOOKS_EVERY = 0.03  # seconds
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


@dataclass
class Lately:
    """Whom somebody woke a moment ago. While many wait for their turn, waking them again and again only makes all of them later.

    Whoever has taken a step since may be woken at once, the others after ``again_after`` seconds: a wake-up may be lost.
    """

    again_after: float = 120.0
    seconds: Callable[[], float] = time.monotonic
    _woken: dict[str, tuple[int, float]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._woken)

    def keep(self, late: Mapping[str, int]) -> None:
        """Of those woken keep who is still ``late`` (by patient: the last step), and was woken not long ago."""
        since = self.seconds() - self.again_after
        self._woken = {
            patient: (step, at) for patient, (step, at) in self._woken.items() if at > since and late.get(patient) == step
        }

    def __contains__(self, patient: str) -> bool:
        return patient in self._woken

    def note(self, patient: str, last_step: int) -> None:
        """They were woken just now."""
        self._woken[patient] = (last_step, self.seconds())


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

    async def wake_due(self, *, late_by: timedelta = timedelta(0), limit: int = 5000, lately: Lately | None = None) -> int:
        """Wake everybody with an event untaken or a moment that has come; answers how many. Stops where Temporal is away.

        ``lately``: who was woken in earlier rounds; they are left out, count towards ``limit``, and whoever is woken now is noted.
        """
        read = limit if lately is None else 2 * limit
        async with self.database.reading() as session:
            now = await self.clock.now(session)
            # Two questions, each by an index of its own; asked as one with "or" they would read every patient.
            untaken = select(Patient.id, Patient.last_step).where(Patient.last_event > Patient.taken_event).limit(read)
            overdue = select(Patient.id, Patient.last_step).where(Patient.next_due <= now - late_by)
            found = {patient: last_step for patient, last_step in await session.execute(untaken)}
            for patient, last_step in await session.execute(overdue.order_by(Patient.next_due, Patient.id).limit(read)):
                found.setdefault(patient, last_step)
        if lately is not None:
            lately.keep(found)
            limit -= len(lately)
        late = [one for one in found.items() if lately is None or one[0] not in lately][: max(0, limit)]
        room, away = asyncio.Semaphore(AT_ONCE), asyncio.Event()

        async def wake(patient: str, last_step: int) -> bool:
            async with room:
                if away.is_set():
                    return False
                try:
                    await self.waker.wake(patient, next_step=last_step + 1)
                except NotWoken:
                    away.set()
                    return False
                if lately is not None:
                    lately.note(patient, last_step)
                return True

        return sum(await asyncio.gather(*(wake(patient, last_step) for patient, last_step in late)))

    async def start_all(self) -> int:
        """Start every living patient's workflow that does not run; answers how many there are. Raises RecoveryStopped."""
        return (await Recovery(self.database, self.waker).start_all()).looked_at
