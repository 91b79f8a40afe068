"""What the players mean to do, in order of time.

Rule 1: a plan has a name; the same thing planned twice is planned once.
Rule 2: who does what to the same patient at one moment does it one after the other, others do not wait for it.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

Act = Callable[[], Awaitable[None]]
AT_ONCE = 6


@dataclass(order=True, slots=True)
class Plan:
    """``act`` is to be done at ``at``; ``whom`` it concerns."""

    at: datetime
    name: str
    whom: str = field(compare=False, default="")
    act: Act = field(compare=False, kw_only=True)


class Agenda:
    """All that is planned by this process."""

    def __init__(self) -> None:
        self._heap: list[Plan] = []
        self._names: set[str] = set()

    def __len__(self) -> int:
        return len(self._heap)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def plan(self, at: datetime, name: str, act: Act, *, whom: str = "") -> bool:
        """Plan it, unless it is planned already; answers whether it is new."""
        if name in self._names:
            return False
        self._names.add(name)
        heapq.heappush(self._heap, Plan(at, name, whom, act=act))
        return True

    def next(self) -> datetime | None:
        """When somebody next means to do something."""
        return self._heap[0].at if self._heap else None

    async def do(self, now: datetime) -> int:
        """Do everything whose time has come; answers how much it was."""
        groups: dict[str, list[Plan]] = {}
        done = 0
        while self._heap and self._heap[0].at <= now:
            plan = heapq.heappop(self._heap)
            self._names.discard(plan.name)
            groups.setdefault(plan.whom or plan.name, []).append(plan)
            done += 1
        room = asyncio.Semaphore(AT_ONCE)

        async def one_after_the_other(plans: list[Plan]) -> None:
            async with room:
                for plan in plans:
                    await plan.act()

        await asyncio.gather(*(one_after_the_other(plans) for plans in groups.values()))
        return done
