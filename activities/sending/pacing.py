"""Keeping the texts of all workers apart in time, so that no second carries more than a provider takes.

Temporal gives out tasks at the same rate, but only on average: after a pause several come at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from temporalio.exceptions import ApplicationError

from records.channel_states import next_turn
from records.clock import system_time
from records.database import Database

#: Well below the minute that a try has: one that ran out of time while it waited would take a second turn, and a third.
LONGEST = timedelta(seconds=20)


@dataclass(frozen=True)
class Pacing:
    """``per_second`` 0: nobody waits. Providers know the machine's time, whatever the installation's clock says."""

    database: Database
    per_second: float = 0.0
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    async def turn(self) -> None:
        """Wait for a turn of one's own. Raises ApplicationError, to come again later, where too many are before it."""
        if self.per_second <= 0:
            return
        async with self.database.begin() as session:
            now = system_time()
            at = await next_turn(session, apart=timedelta(seconds=1 / self.per_second), within=LONGEST, now=now)
        if at is None:
            raise ApplicationError("too many wait for a turn", type="TryLater", next_retry_delay=LONGEST)
        if at > now:
            await self.sleep((at - now).total_seconds())
