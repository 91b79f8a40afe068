"""Calls of channels, timed and traced; to whom and what is nobody's business here."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from opentelemetry.trace import SpanKind
from temporalio.exceptions import ApplicationError

from activities.channels.port import CannotTell, Finding, OutgoingSms, Receipt
from activities.channels.registry import Channels
from activities.seeing import Seeing

LARGEST_CODE = 1_000_000


@dataclass(frozen=True)
class Calls:
    """``send`` and ``find`` of the open channels, by name. What a channel raises goes on."""

    channels: Channels
    seeing: Seeing

    async def send(self, name: str, sms: OutgoingSms) -> Receipt:
        """Hand over once. Raises ChannelError, or whatever a channel raises."""
        async with self._calling(name, "send"):
            return await self.channels[name].send(sms)

    async def find(self, name: str, sms: OutgoingSms) -> Finding:
        """Ask what became of a try. A channel that is not open here any more cannot tell. Raises what the channel raises."""
        name = name or self.channels.first.name  # tries from before channels had names were made by the one there was
        if name not in self.channels:
            return CannotTell("the channel is not open here")
        async with self._calling(name, "find"):
            return await self.channels[name].find(sms)

    @asynccontextmanager
    async def _calling(self, name: str, what: str) -> AsyncIterator[None]:
        begun, outcome = time.perf_counter(), "interrupted"
        with self.seeing.traces.part("provider", SpanKind.CLIENT, channel=name, what=what) as part:
            try:
                yield
                outcome = "answered"
            except Exception as refused:
                outcome = type(refused).__name__
                raise
            finally:
                part.says(outcome=outcome)
                self.seeing.metrics.provider_seconds.labels(name, what, outcome).observe(time.perf_counter() - begun)


class NotNow(Exception):
    """Not taken: ``until`` when the channel is passed over, and what the workflow is told."""

    def __init__(self, until: datetime, waits: ApplicationError, *, urgent: bool) -> None:
        super().__init__()
        self.until, self.waits, self.urgent = until, waits, urgent


def sayable(code: int | None) -> int | None:
    """A provider's code as a log may say it: what is longer than a code could be somebody's number."""
    return code if code is not None and code < LARGEST_CODE else None
