"""Telling whoever watches a worklist that it has changed.

Rule 1: one poller for however many listeners, and none where nobody listens; no connection is held while anybody waits.
Rule 2: a listener who was away hears at once; what was missed is one change, whatever it was made of.
Rule 3: a stream ends within a moment when the server stops, and when its listener may not listen any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from records.database import Database
from records.pulse import Pulse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. ``looks_every``: at the pulses; ``asks_every``: whether a listener may still listen."""

    looks_every: float = 1.0
    asks_every: float = 60.0


@dataclass
class Watch:
    """Watches the pulses of the teams that somebody listens for."""

    database: Database
    pace: Pace = field(default_factory=Pace)
    _listening: Counter[str] = field(default_factory=Counter)
    _known: dict[str, int] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _poller: asyncio.Task[None] | None = None
    _enough: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return self._listening.total()

    def stop(self) -> None:
        """End every stream, and begin no other: the server stops."""
        self.stopping.set()
        self._tell()

    async def changes(self, team: str, *, heard: str | None, still_allowed: Callable[[], Awaitable[bool]]) -> AsyncGenerator[int]:
        """The team's pulse whenever it has changed, at once where it is another than ``heard``.

        Ends when the server stops, or ``still_allowed`` says no.
        """
        clock = asyncio.get_running_loop().time
        ask_at = clock() + self.pace.asks_every
        with self._heard_for(team):
            pulse = await self._read(team)
            if str(pulse) != heard:
                yield pulse
            while not self.stopping.is_set():
                now = self._known.get(team, pulse)
                if now > pulse:
                    pulse = now
                    yield pulse
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(ask_at):
                        await self._news.wait()
                if clock() >= ask_at:
                    if not await still_allowed():
                        return
                    ask_at = clock() + self.pace.asks_every

    @contextlib.contextmanager
    def _heard_for(self, team: str) -> Iterator[None]:
        self._listening[team] += 1
        if self._poller is None:
            self._enough = asyncio.Event()
            self._poller = asyncio.create_task(self._poll(self._enough))
        try:
            yield
        finally:
            self._listening[team] -= 1
            if not self._listening[team]:
                del self._listening[team]
                self._known.pop(team, None)
            if not self._listening:
                self._enough.set()  # it ends by itself, not in the middle of a query
                self._poller = None

    async def _poll(self, enough: asyncio.Event) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), self.pace.looks_every)
            if enough.is_set():
                return
            try:
                async with self.database.reading() as session:
                    found = await Pulse(session).of_all(self._listening)
            except (SQLAlchemyError, OSError) as away:
                log.warning("worklists cannot be watched just now: %s", type(away).__name__)
                continue
            changed = {team: n for team, n in found.items() if team in self._listening and self._known.get(team) != n}
            if changed:
                self._known |= changed
                self._tell()

    async def _read(self, team: str) -> int:
        async with self.database.reading() as session:
            return await Pulse(session).of(team)

    def _tell(self) -> None:
        told, self._news = self._news, asyncio.Event()
        told.set()
