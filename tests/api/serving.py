"""A real server on loopback over the tests' network, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.parts import ApiParts
from tests.kept import kept_app
from tests.quiet import QuietServer, quietly


@dataclass(frozen=True)
class Served:
    """A server at ``url``."""

    url: str
    parts: ApiParts
    server: QuietServer

    async def stop(self) -> None:
        """As a process of ours stops: whoever watches is told, and what is open is finished."""
        self.parts.watch.stop()
        await self.server.stop()


@asynccontextmanager
async def served(parts: ApiParts) -> AsyncIterator[Served]:
    """``parts`` behind a port of the machine's choice, until the end."""
    # A client that shares this core with two hundred is slow to ask again: it is kept for two minutes.
    with kept_app(parts) as app:
        async with quietly(app, ends_within=10, timeout_keep_alive=120, backlog=512) as server:
            it = Served(server.url, parts, server)
            try:
                yield it
            finally:
                await it.stop()
