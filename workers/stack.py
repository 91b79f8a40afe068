"""The embedded stack: Temporal server, workers, API and housekeeping of a small network in one process.

Rule 1: what would stop it half-way (a taken port, a database of another revision) is looked at first, and said in one sentence.
Rule 2: whatever ends it, everything it started is ended, in the reverse order; what was begun goes on at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import uvicorn
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import select
from temporalio.client import Client

from activities.housekeeping import Housekeeping
from activities.waking import Waker
from api.app import ApiParts, create_app
from records.database import DatabaseNotReady, check_ready, migrate
from records.tables import ApiKey, CareTeam, Organisation
from workers.network import new_key, set_up_network
from workers.parts import Parts, publish_shipped
from workers.settings import Settings
from workers.temporal import TemporalServer, connect, refuse_if_taken

HOUSEKEEPING_EVERY = timedelta(seconds=5)
KEYS_FILE = "keys/api-keys.json"
ADDRESS_FILE = "temporal.address"


@dataclass(frozen=True)
class Stack:
    """A running stack. ``keys``: API keys by role and place, as the keys file holds them."""

    parts: Parts
    client: Client
    housekeeping: Housekeeping
    url: str
    keys_file: Path

    def console_url(self, page: str = "/") -> str:
        """The console with the administrator's key in it, for the person at this machine."""
        keys = json.loads(self.keys_file.read_text())
        return f"{self.url}{page}?key={keys['administrator']}"


async def set_up(parts: Parts, *, driven_from: datetime | None = None) -> None:
    """Make the tables, a first network, the shipped pathways. A second call changes nothing.

    Raises DatabaseNotReady where the database is of another revision: it may hold patients, so an operator upgrades it.
    """
    try:
        await check_ready(parts.database)
    except DatabaseNotReady as not_ready:
        if "is empty" not in str(not_ready):
            raise
        await migrate(parts.database)
    async with parts.database.begin() as session:
        if driven_from is not None:
            await parts.clock.drive(session, driven_from)
        await set_up_network(session)
        await publish_shipped(session, at=await parts.clock.now(session))


async def write_keys(parts: Parts) -> Path:
    """API keys for every role and place of this network, in a file that only its owner may read; made once."""
    file = parts.settings.home / KEYS_FILE
    if file.exists():
        return file
    keys: dict[str, str | dict[str, str]] = {}
    async with parts.database.begin() as session:
        if (await session.scalars(select(ApiKey.hash).limit(1))).first() is not None:
            raise DatabaseNotReady(f"{file} is gone while its keys are in the database; make new ones with: cairn keys add")
        for role in ("administrator", "coordinator", "gateway"):
            keys[role] = await new_key(session, role, role, "*")
        for role in ("health_manager", "doctor"):
            teams = await session.scalars(select(CareTeam.id).order_by(CareTeam.id))
            keys[role] = {team: await new_key(session, f"{role} of {team}", role, team) for team in teams}
        for kind in ("hospital", "pharmacy"):
            places = await session.scalars(select(Organisation.id).where(Organisation.kind == kind).order_by(Organisation.id))
            keys[kind] = {place: await new_key(session, place, kind, place) for place in places}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(keys, indent=2) + "\n")
    return file


@asynccontextmanager
async def running(settings: Settings, *, driven_from: datetime | None = None) -> AsyncIterator[Stack]:
    """Bring everything up; on leaving, bring everything down. Raises PortTaken, DatabaseNotReady, NoTemporalServer.

    ``driven_from``: a demonstration, whose time begins there and stands until it is moved.
    """
    refuse_if_taken(settings.api_host, settings.api_port, "CAIRN_API_PORT", what="API")
    async with AsyncExitStack() as stack:
        parts = Parts.make(settings)
        stack.push_async_callback(parts.close)
        await set_up(parts, driven_from=driven_from)
        keys_file = await write_keys(parts)
        address = settings.temporal_address
        if not address:
            server = await TemporalServer.start(
                settings.home / "temporal.db",
                settings.temporal_port,
                log=settings.home / "temporal.log",
                hurried=driven_from is not None,
            )
            stack.push_async_callback(server.stop)
            address = server.address
            stack.enter_context(_address_known(settings, address))
        client = await connect(address, settings.namespace, parts.vault)
        housekeeping = parts.housekeeping(client)
        for worker in parts.workers(client):
            await stack.enter_async_context(worker)
        await stack.enter_async_context(_serving(parts, client, housekeeping))
        await housekeeping.wake_due()
        stack.enter_context(_looking_after(housekeeping))
        yield Stack(parts, client, housekeeping, f"http://{settings.api_host}:{settings.api_port}", keys_file)


def embedded_address(settings: Settings) -> str:
    """Where the embedded server of *this* home listens, or nothing: another installation's may be at the usual port."""
    file = settings.home / ADDRESS_FILE
    return file.read_text().strip() if file.exists() else ""


@contextlib.contextmanager
def _address_known(settings: Settings, address: str) -> Iterator[None]:
    file = settings.home / ADDRESS_FILE
    file.write_text(address + "\n")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def api_parts(parts: Parts, client: Client | None, housekeeping: Housekeeping | None) -> ApiParts:
    """What the API is made of."""
    return ApiParts(
        database=parts.database,
        vault=parts.vault,
        clock=parts.clock,
        plans=parts.plans,
        events=parts.events,
        enrolments=parts.enrolments,
        waker=Waker(client) if client is not None else None,
        housekeeping=housekeeping,
        channel=parts.channel,
        public_url=parts.settings.public_url,
    )


@asynccontextmanager
async def _serving(parts: Parts, client: Client, housekeeping: Housekeeping) -> AsyncIterator[None]:
    app = create_app(api_parts(parts, client, housekeeping))
    config = uvicorn.Config(
        app,
        host=parts.settings.api_host,
        port=parts.settings.api_port,
        log_level="warning",
        access_log=False,  # a search is in the query string: names must not end in a log
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    server = _QuietServer(config)
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.02)
    if serving.done():
        await serving
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _QuietServer(uvicorn.Server):
    """Leaves the signals to the stack, which stops everything in order."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


@contextlib.contextmanager
def _looking_after(housekeeping: Housekeeping):  # type: ignore[no-untyped-def]
    scheduler = AsyncIOScheduler()
    late = timedelta(seconds=30)
    scheduler.add_job(
        housekeeping.wake_due,
        "interval",
        seconds=HOUSEKEEPING_EVERY.total_seconds(),
        kwargs={"late_by": late},
        max_instances=1,
        coalesce=True,
    )
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


async def until_stopped(also: Callable[[], Awaitable[object]] | None = None) -> None:
    """Wait for Ctrl-C or a termination signal, or until ``also`` is over."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    waits: set[asyncio.Future[object]] = {stopping}  # type: ignore[arg-type]
    if also is not None:
        waits.add(asyncio.ensure_future(also()))
    done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for waiting in pending:
        waiting.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for finished in done:
        finished.result()
