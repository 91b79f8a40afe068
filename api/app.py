"""The application: every route under /api/v1, the console's pages beside it, made of the parts it is handed.

Rule: no answer is kept by a cache on its way, and no page may load or send anything elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities.seeing.readiness import Ready
from api import problems
from api.bodies import Bodies
from api.console import assets
from api.console.pages import account as account_page
from api.console.pages import admin as admin_pages
from api.console.pages import change as change_pages
from api.console.pages import inbox as inbox_pages
from api.console.pages import overview as overview_page
from api.console.pages import pathways as pathway_pages
from api.console.pages import patients as patient_pages
from api.console.pages import phones, signing_in, today
from api.fhir.app import door_at
from api.hooks import crossing
from api.hooks import services as cds
from api.observing import observe, ready_route
from api.oidc import routes as oidc
from api.parts import ApiParts
from api.routes import (
    accounts,
    advice,
    alerts,
    audit,
    authoring,
    changes,
    clock,
    closures,
    consent,
    contact_rules,
    corrections,
    drafts,
    forecasts,
    holds,
    holidays,
    hook_clients,
    hooks,
    keys,
    life,
    me,
    messages,
    numbers,
    overview,
    pathways,
    patients,
    places,
    plan,
    referral_limits,
    referrals,
    refills,
    rollouts,
    sandbox,
    sessions,
    smart_clients,
    stock,
    subjects,
    tasks,
    teams,
    visits,
    webhooks,
    why,
    wording,
    worklist,
)
from api.smart import routes as smart
from api.trail import Trails

__all__ = ["ApiParts", "create_app"]

V1 = "/api/v1"
#: Answers anybody; signed webhooks do, too.
OPEN = frozenset(
    {
        "/healthz",
        "/readyz",
        "/",
        "/sign-in",
        "/sign-out",
        "/session",
        "/reading",
        "/static/{mark}/{name:path}",
        "/docs",
        "/sessions",
        authoring.SCHEMA,
        crossing.ROOT,
    }
)
OPEN |= smart.PATHS | oidc.PATHS


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
        clock, patients, visits, corrections, life, consent, numbers, messages, plan, why, tasks, worklist,
        referrals, refills, changes, webhooks,
        sandbox, hooks,
        alerts, authoring, pathways, drafts, wording, forecasts, rollouts, overview,
        places, contact_rules, referral_limits, teams, stock, closures, holds, holidays, keys, smart_clients, hook_clients, advice,
        accounts, subjects, sessions, me, audit,
    ):  # fmt: skip
        app.include_router(module.router, prefix=V1, responses=problems.RESPONSES)
    app.include_router(messages.usage_router, prefix=V1, responses=problems.RESPONSES)
    app.include_router(authoring.open_router)
    app.include_router(smart.router)
    app.include_router(oidc.router)
    app.include_router(cds.router, responses=problems.RESPONSES)
    for page in (
        assets, signing_in, account_page, admin_pages,
        today, patient_pages, overview_page, phones, change_pages, inbox_pages, pathway_pages,
    ):  # fmt: skip
        # As they are: a router within a router is asked for every request by each of those around it, and again when it is chosen.
        app.router.routes.extend(found.original_route for found in iter_route_contexts(page.router.routes))
    signing_in.handle(app)
    door_at(app)

    @app.get("/healthz", summary="Whether the API answers", tags=["clock"])
    async def healthz() -> dict[str, str]:
        """Says ok; asks nothing of the database."""
        return {"status": "ok"}

    problems.describe(app)
    app.add_middleware(Trails)
    if parts.cds_origins:
        app.add_middleware(crossing.Crossing, origins=parts.cds_origins)
    app.add_middleware(Bodies)
    app.add_middleware(Headers)
    ready_route(app, Ready(parts.database, parts.temporal_answers, metrics=parts.seeing.metrics))
    observe(app, parts.seeing)
    return app


@dataclass(frozen=True)
class Headers:
    """What every answer carries: it is kept nowhere, taken for what it says it is, and its address is told to nobody."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:  # PostgreSQL keeps no NUL, and no id or name holds one
            await problems.answer_at(scope["path"], 404, "There is nothing at this address.")(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        await self.app(scope, receive, with_headers)
