"""Seeing requests: each is counted, timed, traced and logged by its route, method and status.

Rule 1: what is seen of a request is its route's template, never its path, its query string, its headers or its body.
Rule 2: a caller may hand in a W3C ``traceparent``; nothing else of theirs is taken over.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities.seeing import Seeing
from activities.seeing.metrics import METHODS
from activities.seeing.readiness import Ready
from activities.seeing.traces import CARRIED, Part

NO_ROUTE = "(none)"
QUIET = frozenset({"/healthz", "/readyz"})  # asked every few seconds: counted, neither traced nor logged


def observe(app: FastAPI, seeing: Seeing) -> None:
    """See every request of ``app``; add it last, so that it is the outermost of our middleware."""
    app.state.seeing = seeing
    app.add_middleware(Observing)


def ready_route(app: FastAPI, ready: Ready) -> None:
    """``/readyz``: 200 when the database answers and has the right revision, else 503; how Temporal is, is said and not needed."""
    app.state.ready = ready

    @app.get(
        "/readyz",
        summary="Whether the API can do its work",
        tags=["clock"],
        responses={
            200: _told("It can.", ready=True, database="ready", temporal="answers"),
            503: _told("The database is away, or of another revision.", ready=False, database="away", temporal="answers"),
        },
    )
    async def readyz(request: Request) -> JSONResponse:
        """Asks the database and Temporal, at most once a second."""
        told = await request.app.state.ready.look()
        return JSONResponse(told.as_json(), 200 if told.ready else 503)


def _told(description: str, **example: str | bool) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"example": example}}}


@dataclass
class _Answer:
    """What is known of the answer so far."""

    status: int = 0
    seconds: float | None = None  # of a stream: until it began, since it ends when the caller goes home


@dataclass(frozen=True)
class Observing:
    """The middleware."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"] in QUIET:
            await self._seen(scope, receive, send, Part())
            return
        came_with = Headers(scope=scope).get(CARRIED) or ""
        seeing: Seeing = scope["app"].state.seeing
        with seeing.traces.part("request", SpanKind.SERVER, after=came_with) as part:
            await self._seen(scope, receive, send, part)

    async def _seen(self, scope: Scope, receive: Receive, send: Send, part: Part) -> None:
        begun, answer = time.perf_counter(), _Answer()

        async def listening(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                if Headers(raw=list(message.get("headers", ()))).get("content-type", "").startswith("text/event-stream"):
                    answer.seconds = time.perf_counter() - begun
            await send(message)

        fault: Exception | None = None
        try:
            await self.app(scope, receive, listening)
        except Exception as raised:
            fault = raised
            raise
        finally:
            took = answer.seconds if answer.seconds is not None else time.perf_counter() - begun
            self._tell(scope, answer.status or (500 if fault is not None else 0), took, part, fault)

    def _tell(self, scope: Scope, status: int, seconds: float, part: Part, fault: Exception | None) -> None:
        """``status`` 0: the caller went away before there was an answer."""
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        route = template(scope)
        seeing: Seeing = scope["app"].state.seeing
        seeing.metrics.requests.labels(method, route, str(status)).inc()
        seeing.metrics.request_seconds.labels(method, route).observe(seconds)
        part.named(f"{method} {route}")
        part.says(method=method, route=route, status=status)
        if fault is not None or status >= 500:
            part.failed(type(fault).__name__ if fault is not None else str(status))
            seeing.log.error("request_failed", method=method, route=route, status=status, seconds=round(seconds, 4), exc_info=fault)
        elif scope["path"] not in QUIET:
            seeing.log.info("request", method=method, route=route, status=status, seconds=round(seconds, 4))


def template(scope: Scope) -> str:
    """The route as it was declared, such as ``/api/v1/patients/{patient_id}``; ``(none)`` where there is none.

    A route that was included under a prefix knows itself without it; FastAPI keeps the whole beside it. Where a later FastAPI
    keeps it elsewhere, the prefix is missing and a test says so; what was sent is never taken instead.
    """
    whole = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(whole, "path_format", None) or getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else NO_ROUTE
