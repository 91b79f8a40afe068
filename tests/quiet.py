"""A server of uvicorn's on the loopback in this process, that leaves the process's signals alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


class QuietServer(uvicorn.Server):
    """``listening``, ``ended``: set once it has."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.ended = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def serve(self, sockets: Any = None) -> None:
        try:
            await super().serve(sockets)
        finally:
            self.ended.set()

    async def stop(self) -> None:
        """Take no more, and wait until what is open is finished."""
        self.should_exit = True
        await self.ended.wait()

    @property
    def url(self) -> str:
        """Where it listens: a port of the machine's choice."""
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@asynccontextmanager
async def quietly(app: Any, *, ends_within: int = 1, **config: Any) -> AsyncIterator[QuietServer]:
    """``app`` served until the end; what is open then may go on for ``ends_within`` seconds."""
    settings = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=ends_within,
        **config,
    )
    server = QuietServer(settings)
    running = asyncio.create_task(server.serve())
    await server.listening.wait()
    try:
        yield server
    finally:
        await server.stop()
        await running
