"""What is sent to us ends: no body is longer than a request needs, and none is waited for longer than a slow line takes.

Rule 1: a body is read before anybody is asked for a key, so that these bounds hold for whoever calls, on every address.
Rule 2: an address may take less than this (a webhook, a definition); none takes more.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems

LARGEST = 1024 * 1024  # bytes
SLOWEST = 30.0  # seconds until all of it is there
TOO_LONG = f"No request has more than {LARGEST // 1024} kB. Nothing was stored; send it in parts."
TOO_SLOW = f"The rest of this request did not come within {SLOWEST:g} seconds. Nothing was stored; send it again."


@dataclass(frozen=True)
class Bodies:
    """Refuses a body that is too long (413) or does not come (408)."""

    app: ASGIApp
    largest: int = LARGEST
    slowest: float = SLOWEST

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "")
        if said.isdecimal() and (len(said) > 12 or int(said) > self.largest):
            await problems.answer_at(scope["path"], 413, TOO_LONG)(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + self.slowest
        came, whole = 0, False

        async def bounded() -> Message:
            nonlocal came, whole
            if whole:
                return await receive()  # an answer that goes on waits here for its caller to go home
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, TOO_SLOW, {"Connection": "close"}) from None
            came += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if came > self.largest:
                raise HTTPException(413, TOO_LONG, {"Connection": "close"})
            return message

        await self.app(scope, bounded, send)
