"""Keeping the texts of all workers apart in time, so that no second carries more than a provider takes.

Temporal gives out tasks at the same rate, but only on average: after a pause several come at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from records.channel_states import next_turn
from records.clock import system_time
from records.database import Database


@dataclass(frozen=True)
class Pacing:
    """``per_second`` 0: nobody waits. Providers know the machine's time, whatever the installation's clock says."""

    database: Database
    per_second: float = 0.0
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    async def turn(self) -> None:
        """Wait for a turn of one's own."""
        if self.per_second <= 0:
            return
        async with self.database.begin() as session:
            now = system_time()
            at = await next_turn(session, apart=timedelta(seconds=1 / self.per_second), now=now)
        if at > now:
            await self.sleep((at - now).total_seconds())
