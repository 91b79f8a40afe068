"""A real server on loopback over the tests' network, in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn

from api.app import create_app
from api.parts import ApiParts


class _Quiet(uvicorn.Server):
    """Leaves the signals alone, and says when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        self.listening.set()


@dataclass(frozen=True)
class Served:
    """A server at ``url``."""

    url: str
    parts: ApiParts
    server: _Quiet
    running: asyncio.Task[None]

    async def stop(self) -> None:
        """As a process of ours stops: whoever watches is told, and what is open is finished."""
        self.parts.watch.stop()
        self.server.should_exit = True
        await self.running


@asynccontextmanager
async def served(parts: ApiParts) -> AsyncIterator[Served]:
    """``parts`` behind a port of the machine's choice, until the end."""
    config = uvicorn.Config(
        create_app(parts),
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=120,  # a client that shares this core with two hundred is slow to ask again
        backlog=512,
        timeout_graceful_shutdown=10,
    )
    server = _Quiet(config)
    running = asyncio.create_task(server.serve())
    await server.listening.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    it = Served(f"http://127.0.0.1:{port}", parts, server, running)
    try:
        yield it
    finally:
        if not running.done():
            await it.stop()
