"""A receiver of pushes, on a real socket: what it was told, and how it behaves."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

Behaves = Callable[[dict[str, Any]], int | Awaitable[int]]


@dataclass
class Receiver:
    """``asked``: every push that reached it, with its headers; ``kept``: by id, what it took for new, in order."""

    url: str = ""
    behaves: Behaves = lambda _: 204
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((headers, body))
        told = json.loads(body)
        answer = self.behaves(told)
        status = await answer if isinstance(answer, Awaitable) else answer
        if status < 300:
            self.kept.setdefault(told["id"], told)
        location = [(b"location", b"/elsewhere")] if 300 <= status < 400 else []
        await send({"type": "http.response.start", "status": status, "headers": location})
        await send({"type": "http.response.body", "body": b""})

    @property
    def numbers(self) -> list[int]:
        return [told["n"] for told in self.kept.values()]

    def of(self, request: str) -> list[int]:
        """The versions of one request, as they came."""
        return [told["version"] for told in self.kept.values() if told["request"] == request]


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver at a port of its own, on the loopback."""
    receiver = Receiver()
    config = uvicorn.Config(
        receiver, host="127.0.0.1", port=0, log_config=None, lifespan="off", access_log=False, timeout_graceful_shutdown=1
    )
    server = _Quiet(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.005)
    receiver.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/push"
    try:
        yield receiver
    finally:
        server.should_exit = True
        await serving
