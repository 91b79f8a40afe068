"""Whether a process can do its work: the database answers and has the right revision, and Temporal answers.

Rule 1: it asks, it changes nothing, and it never waits long: what does not answer in time is not ready.
Rule 2: it says codes and revisions; what a driver says of a failure is not passed on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from activities.seeing.metrics import Metrics
from records.database import Database, DatabaseNotReady, check_ready, head

PATIENCE = 2.0  # seconds for each question
KEPT = 1.0  # seconds for which an answer is given again: whoever asks fast asks us, not the database


@dataclass(frozen=True, slots=True)
class Readiness:
    """``database``: ready, wrong_revision, away. ``temporal``: answers, away, not_used. ``detail``: what to do, where we know."""

    ready: bool
    database: str
    temporal: str
    detail: str = ""

    def as_json(self) -> dict[str, str | bool]:
        """As it is answered."""
        told: dict[str, str | bool] = {"ready": self.ready, "database": self.database, "temporal": self.temporal}
        return {**told, "detail": self.detail} if self.detail else told


@dataclass
class Ready:
    """Looks whether this process is ready.

    ``temporal``: asks Temporal, and raises or answers False where it is away; None where this process has no client.
    ``needs_temporal``: a worker is not ready without it; the API is, since what it stores is acted on later.
    """

    database: Database
    temporal: Callable[[], Awaitable[bool]] | None = None
    needs_temporal: bool = False
    metrics: Metrics | None = None
    wanted: str = ""  # the revision; by default the newest that this code knows, looked up once
    _last: tuple[float, Readiness] | None = field(default=None, init=False, repr=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    async def look(self) -> Readiness:
        """How it stands now, or stood a second ago. Raises nothing."""
        clock = asyncio.get_running_loop().time
        async with self._turn:
            if self._last is None or clock() - self._last[0] >= KEPT:
                told = await self._look()
                self._last = (clock(), told)  # from when it is known: what is slow to answer is asked no more often for it
            return self._last[1]

    async def _look(self) -> Readiness:
        (database, detail), temporal = await asyncio.gather(self._database(), self._temporal())
        if self.metrics is not None:
            self.metrics.part_up.labels("database").set(database == "ready")
            if temporal != "not_used":
                self.metrics.part_up.labels("temporal").set(temporal == "answers")
        ready = database == "ready" and (temporal == "answers" or not self.needs_temporal)
        return Readiness(ready, database, temporal, detail)

    async def _database(self) -> tuple[str, str]:
        try:
            async with asyncio.timeout(PATIENCE):
                self.wanted = self.wanted or head()
                await check_ready(self.database, wanted=self.wanted)
        except DatabaseNotReady as not_ready:
            return "wrong_revision", str(not_ready)  # our own sentence: revisions and a command
        except Exception:  # whatever a driver raises: it is away
            return "away", ""
        return "ready", ""

    async def _temporal(self) -> str:
        if self.temporal is None:
            return "not_used"
        try:
            async with asyncio.timeout(PATIENCE):
                return "answers" if await self.temporal() else "away"
        except Exception:  # whatever the client raises: it is away
            return "away"
