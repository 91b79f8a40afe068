"""All that a part of Cairn sees with, in one: metrics, traces, and a log."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from temporalio.exceptions import ApplicationError

from activities.seeing.logs import Log, logger
from activities.seeing.metrics import Metrics
from activities.seeing.traces import Traces


@dataclass
class Delivering:
    """What came of one try at handing over; whoever tries sets ``outcome``, a word of our code."""

    outcome: str = "interrupted"


@dataclass(frozen=True)
class Seeing:
    """Handed to every part that sees. One that is made without arguments sees for itself alone."""

    metrics: Metrics = field(default_factory=Metrics.make)
    traces: Traces = field(default_factory=Traces)
    log: Log = field(default_factory=logger)

    @classmethod
    def of_process(cls, process: str, *, otlp_endpoint: str = "", share: float = 1.0) -> Seeing:
        """What the process ``process`` (api, worker, housekeeping, up) sees with; handed to its parts by the composition root."""
        return cls(Metrics.of_process(process, _version()), Traces.to_endpoint(otlp_endpoint, process, share=share))

    @asynccontextmanager
    async def delivering(self, kind: str, patient: str) -> AsyncIterator[Delivering]:
        """Around one try at handing something over. What is raised goes on, and counts as its type (TryLater, InDoubt, ...)."""
        begun, seen = time.perf_counter(), Delivering()
        with self.traces.part("delivery", kind=kind, patient=patient) as part:
            try:
                yield seen
            except Exception as fault:
                seen.outcome = (fault.type if isinstance(fault, ApplicationError) else None) or type(fault).__name__
                self.log.warning("delivery_not_settled", kind=kind, patient=patient, reason=seen.outcome)
                raise
            finally:
                part.says(outcome=seen.outcome)
                self.metrics.deliveries.labels(kind, seen.outcome).inc()
                self.metrics.delivery_seconds.labels(kind).observe(time.perf_counter() - begun)

    async def aclose(self, *, within: float = 3.0) -> None:
        """Send the traces that are left; an endpoint that does not answer holds nobody up longer than ``within`` seconds."""
        if not self.traces.on:
            return
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def send() -> None:
            self.traces.close()
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(sent.set)

        # A thread of its own: the loop's executor would be waited for when the process ends.
        threading.Thread(target=send, name="last-traces", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(sent.wait(), within)


def _version() -> str:
    try:
        return version("cairn")
    except PackageNotFoundError:
        return "0"
