"""A process of an installation: what each of them begins with, serves, and how it stops.

Rule 1: what stands in the way is said in one sentence before anything is served.
Rule 2: on a termination signal a process takes nothing new, finishes what it has begun as far as the time goes, and ends with 0,
        all within ten seconds; what is cut off is done by another process, or after the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn
from temporalio.client import Client

from activities.seeing import Seeing, logs
from activities.seeing.readiness import Ready
from activities.seeing.serving import serve_metrics
from records.database import check_ready
from workers.parts import ALL_QUEUES, Parts
from workers.settings import Settings
from workers.temporal import Door, NoTemporalServer, connect, refuse_if_taken, runtime_for

if TYPE_CHECKING:  # a worker serves no API: it starts in half the time without it
    from fastapi import FastAPI

#: Seconds for requests and streams that are open when the API stops; then they are cut.
REQUESTS_FINISH_WITHIN = 2
#: Seconds for workers to stop. Activities are cut off well before; this bounds what the SDK itself needs.
WORKERS_STOP_WITHIN = 6.0


def logged(kind: str, settings: Settings, *, briefly: bool = False) -> None:
    """Logs of a process of ``kind`` go to stderr from here on. ``briefly``: a command that tells by itself what it does."""
    quiet = briefly and settings.log_level == "info"
    logs.set_up(kind, level="warning" if quiet else settings.log_level, form=settings.log_format)


@dataclass(frozen=True)
class Process:
    """What a process is made of; ``leaving`` ends what was begun, in the reverse order."""

    kind: str
    settings: Settings
    parts: Parts
    leaving: AsyncExitStack

    async def connected(self, address: str, *, needed: bool = True, lazy: bool = False) -> Client:
        """A client of Temporal at ``address``; metrics and readiness are served from here on. Raises NoTemporalServer.

        ``needed``: the process is not ready without it.
        """
        settings, seeing = self.settings, self.parts.seeing
        try:
            client = await connect(
                address,
                settings.namespace,
                self.parts.vault,
                lazy=lazy,
                door=Door.of(settings) if settings.temporal_address else Door(),
                seeing=seeing,
                runtime=runtime_for(seeing) if settings.metrics_port else None,
            )
        except RuntimeError:  # the SDK's word for a connection that cannot be had
            raise NoTemporalServer(f"Temporal does not answer at {address}; what is wrong says: cairn doctor") from None
        if settings.metrics_port:
            ready = Ready(self.parts.database, client.service_client.check_health, needs_temporal=needed, metrics=seeing.metrics)
            served = serve_metrics(seeing.metrics.registry, settings.metrics_host, settings.metrics_port, ready=ready)
            self.leaving.enter_context(served)
        return client


@asynccontextmanager
async def process(kind: str, settings: Settings, *, database_ready: bool = True) -> AsyncIterator[Process]:
    """Metrics, traces and parts of a process of ``kind``. Raises BadSetting, BadMasterKey, DatabaseNotReady.

    ``database_ready``: refuse a database of another revision; the embedded stack sets its own up.
    """
    async with AsyncExitStack() as leaving:
        seeing = Seeing.of_process(kind, otlp_endpoint=settings.otlp_endpoint)
        leaving.push_async_callback(seeing.aclose, within=1.0)
        parts = Parts.make(settings, seeing=seeing)
        leaving.push_async_callback(parts.close)
        if database_ready:
            await check_ready(parts.database)
        yield Process(kind, settings, parts, leaving)


@asynccontextmanager
async def serving_queues(
    parts: Parts, client: Client, queues: tuple[str, ...] = ALL_QUEUES
) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """Workers at work; on leaving all of them stop taking and finish, at the same time. Gives what ends when one of them fails.

    One that fails for good says so at once: its own shutting down may never end, and a process that serves nobody must not live.
    """
    fatal: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def told(error: BaseException) -> None:
        if not fatal.done():
            fatal.set_exception(error)

    workers = parts.workers(client, queues, on_fatal_error=told)
    running = [asyncio.ensure_future(worker.run()) for worker in workers]

    async def failed() -> None:
        await asyncio.wait([fatal, *running], return_when=asyncio.FIRST_COMPLETED)

    try:
        yield failed
    finally:
        stopping = [asyncio.ensure_future(worker.shutdown()) for worker in workers if worker.is_running]
        _, cut_off = await asyncio.wait(running, timeout=WORKERS_STOP_WITHIN)
        for late in (*stopping, *cut_off):
            late.cancel()
        if cut_off:
            parts.seeing.log.error("workers_cut_off", count=len(cut_off), seconds=WORKERS_STOP_WITHIN)
        for ended in (fatal, *running):
            if ended.done() and not ended.cancelled() and (error := ended.exception()) is not None:
                raise error


@asynccontextmanager
async def serving_api(app: FastAPI, settings: Settings) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """The API at its port; on leaving open requests are given some seconds. Gives what ends when the server does."""
    refuse_if_taken(settings.api_host, settings.api_port, "CAIRN_API_PORT", what="API")
    config = uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,  # a search is in the query string: names must not end in a log
        lifespan="off",
        timeout_graceful_shutdown=REQUESTS_FINISH_WITHIN,
    )
    server = _QuietServer(config)
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.02)
    if serving.done():
        await serving
    try:
        yield lambda: asyncio.wait([serving])
    finally:
        if (parts := getattr(app.state, "parts", None)) is not None:
            parts.watch.stop()  # nobody who watches a worklist is waited for
        server.should_exit = True
        await serving
        if parts is not None:
            await parts.checker.end()


class _QuietServer(uvicorn.Server):
    """Leaves the signals to the process, which stops everything in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def until_stopped(*also: Callable[[], Awaitable[object]]) -> None:
    """Wait for Ctrl-C or a termination signal, or until one of ``also`` is over; what that one raised is raised."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    waits: set[asyncio.Future[object]] = {asyncio.ensure_future(stop.wait())}
    waits |= {asyncio.ensure_future(one()) for one in also}
    done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for waiting in pending:
        waiting.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for finished in done:
        finished.result()
