"""The application: every route under /api/v1, the console's pages beside it, made of the parts it is handed.

Rule: no answer is kept by a cache on its way, and no page may load or send anything elsewhere.
"""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.middleware.base import RequestResponseEndpoint

from api import problems
from api.console import pages
from api.parts import ApiParts
from api.routes import clock, hooks, messages, overview, pathways, patients, referrals, refills, sandbox, tasks, visits, worklist

__all__ = ["ApiParts", "create_app"]

V1 = "/api/v1"
OPEN = frozenset({"/healthz", "/", "/sign-out", "/docs"})  # answers anybody; signed webhooks do, too


def create_app(parts: ApiParts) -> FastAPI:
    """The application over ``parts``."""
    app = FastAPI(
        title="Cairn",
        summary="Keeps people with chronic disease on their care pathway.",
        version="0.1.0",
        docs_url=None,
        redoc_url=None,
    )
    app.state.parts = parts
    problems.handle(app)
    for module in (
        clock, patients, visits, messages, tasks, worklist, referrals, refills, sandbox, hooks, pathways, overview
    ):  # fmt: skip
        app.include_router(module.router, prefix=V1)
    app.include_router(pages.router)
    pages.handle(app)

    @app.get("/healthz", summary="Whether the API answers", tags=["clock"])
    async def healthz() -> dict[str, str]:
        """Says ok; asks nothing of the database."""
        return {"status": "ok"}

    @app.middleware("http")
    async def _headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
        if "\x00" in request.scope["path"] or "%00" in request.url.query:  # PostgreSQL keeps no NUL, and no id or name holds one
            return problems.answer(404, "There is nothing at this address.")
        response = await call_next(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return app
