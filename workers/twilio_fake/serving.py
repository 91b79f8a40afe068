"""The fake Twilio at a port: in this process for tests, or alone as ``cairn twilio-fake``."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from workers.twilio_fake import control, routes
from workers.twilio_fake.asked import Account
from workers.twilio_fake.calling import Caller
from workers.twilio_fake.faults import Faults
from workers.twilio_fake.provider import Now, Provider
from workers.twilio_fake.shapes import sid_of
from workers.twilio_fake.store import Store

ACCOUNT = sid_of("AC", "cairn's own")
TOKEN = "a-token-of-the-fake-twilio"
NUMBER = "+15005550100"
SERVICE = sid_of("MG", "cairn's own")
SHARED_KEY = "webhooks_sharedkey_fake"


@dataclass(frozen=True)
class Plan:
    """How it is to be served. ``inbound_url``: where phones' texts go. ``shared_secret``: webhooks are signed with SHA-256 and
    it. ``now``: the clock of dates. ``port`` 0: the machine chooses. ``faults``: over those that the file keeps.
    """

    file: Path
    port: int = 0
    host: str = "127.0.0.1"
    inbound_url: str = ""
    account: str = ACCOUNT
    token: str = field(default=TOKEN, repr=False)
    numbers: tuple[str, ...] = (NUMBER,)
    shared_secret: str = field(default="", repr=False)
    faults: Mapping[str, Any] = field(default_factory=dict)
    now: Now | None = None


@dataclass(frozen=True)
class Served:
    """A fake Twilio at ``url``; a test may look into its ``provider``. ``moving`` ends only when something is broken."""

    url: str
    plan: Plan
    provider: Provider
    moving: asyncio.Task[None]

    @property
    def service(self) -> str:
        """The messaging service of the first number."""
        return SERVICE


@asynccontextmanager
async def serving(plan: Plan) -> AsyncIterator[Served]:
    """Serve it in this process until the end. Raises OSError where the port is taken, BadFault."""
    store = Store(plan.file)
    http = aiohttp.ClientSession()
    runner: web.AppRunner | None = None
    moving: asyncio.Task[None] | None = None
    try:
        faults = Faults().changed(store.setting("faults") or {}).changed(plan.faults)
        store.set("faults", faults.written())
        shared = (SHARED_KEY, plan.shared_secret) if plan.shared_secret else None
        account = Account(plan.account, plan.token, plan.numbers, {SERVICE: plan.numbers[0]}, plan.numbers)
        provider = Provider(
            store, account, Caller(http, plan.token, shared), inbound_url=plan.inbound_url, now=plan.now, faults=faults
        )
        app = web.Application()
        routes.add_to(app, provider)
        control.add_to(app, provider)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, plan.host, plan.port).start()
        moving = asyncio.create_task(provider.run())
        yield Served(f"http://{plan.host}:{runner.addresses[0][1]}", plan, provider, moving)
    finally:
        if runner is not None:
            await runner.cleanup()
        if moving is not None:
            moving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await moving
        await http.close()
        store.close()


async def serve_alone(plan: Plan, *, until_stdin_ends: bool = False) -> None:
    """Serve it, say where on stdout, and go on until a signal, or until whoever started it is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serving(plan) as served:
        print(f"a Twilio of our own at {served.url}", flush=True)
        if until_stdin_ends:
            reader = asyncio.StreamReader()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            ended = asyncio.ensure_future(reader.read())
            ended.add_done_callback(lambda _: stop.set())
        await asyncio.wait({asyncio.ensure_future(stop.wait()), served.moving}, return_when=asyncio.FIRST_COMPLETED)
