"""A vendor's HTTP interface on loopback: it keeps what it was asked and answers as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Answers = Callable[[Asked], Awaitable[web.StreamResponse]]


@dataclass
class Vendor:
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    request: web.Request | None = None
    answers: Answers | None = None
    """How it answers; None: it hangs up without a word."""

    def says(self, text: str, status: int = 200, **headers: str) -> None:
        async def answer(asked: Asked) -> web.StreamResponse:
            return web.Response(text=text, status=status, headers=headers)

        self.answers = answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(request.method, request.path, dict(request.query), dict(request.headers), await request.read())
        self.asked.append(asked)
        self.request = request
        if self.answers is None:
            assert request.transport is not None
            request.transport.abort()
            await asyncio.get_running_loop().create_future()
        assert self.answers is not None
        return await self.answers(asked)


@asynccontextmanager
async def vendor() -> AsyncIterator[Vendor]:
    here = Vendor()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", here.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    here.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        yield here
    finally:
        await runner.cleanup()
