"""One clock for the whole installation: the system's time, or a driven time that stands still until it is moved on purpose.

Driven time is asked for in each transaction. That nobody drives it is believed for ``BELIEVED``: only a demonstration that starts
over the same database changes that, and a process that drives it itself asks each time from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.database import KEPT
from records.tables import ClockRow

BELIEVED = 5.0  # seconds
UNDRIVEN_UNTIL, DRIVEN_HERE = "clock: undriven until", "clock: driven here"


class TimeRunsForward(ValueError):
    """Driven time cannot be moved back."""


class ClockNotDriven(RuntimeError):
    """The clock follows the system; only a driven clock can be moved."""


def system_time() -> datetime:
    """The machine's time, UTC."""
    return datetime.now(UTC)


ANCHOR = select(ClockRow.anchor).where(ClockRow.id == 1)  # asked in every transaction, so it is built once


@dataclass(frozen=True)
class Clock:
    """Reads the time inside the transaction that acts on it."""

    system: Callable[[], datetime] = system_time

    async def read(self, session: AsyncSession) -> tuple[datetime, bool]:
        """The present moment, UTC, and whether time stands until it is moved."""
        kept = session.info.get(KEPT, {})
        if time.monotonic() < kept.get(UNDRIVEN_UNTIL, 0.0):
            return self.system(), False
        anchor = await session.scalar(ANCHOR)
        if anchor is not None:
            return anchor, True
        if not kept.get(DRIVEN_HERE):
            kept[UNDRIVEN_UNTIL] = time.monotonic() + BELIEVED
        return self.system(), False

    async def now(self, session: AsyncSession) -> datetime:
        """The present moment, UTC."""
        return (await self.read(session))[0]

    async def is_driven(self, session: AsyncSession) -> bool:
        """Whether time stands until it is moved."""
        return (await self.read(session))[1]

    async def drive(self, session: AsyncSession, start: datetime) -> None:
        """Make the clock a driven one that stands at ``start``; one that is driven already stays where it is."""
        kept = session.info.get(KEPT, {})
        kept[DRIVEN_HERE] = True  # before it is: another transaction may be looking just now
        kept.pop(UNDRIVEN_UNTIL, None)
        row = await session.get(ClockRow, 1)
        if row is None:
            session.add(ClockRow(id=1, anchor=start))
        elif row.anchor is None:
            row.anchor = start

    async def move(self, session: AsyncSession, to: datetime) -> None:
        """Move driven time to ``to``. Raises ClockNotDriven, TimeRunsForward."""
        row = await session.get(ClockRow, 1)
        if row is None or row.anchor is None:
            raise ClockNotDriven("this clock follows the system's time; only `cairn run` drives it")
        if to < row.anchor:
            raise TimeRunsForward(f"it is {row.anchor.isoformat()} already; give a later moment")
        row.anchor = to
