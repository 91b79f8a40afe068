"""A receiver of pushes, on a real socket: what it was told, and how it behaves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.quiet import quietly

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


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver at a port of its own, on the loopback."""
    receiver = Receiver()
    async with quietly(receiver) as server:
        receiver.url = f"{server.url}/push"
        yield receiver
