"""The audit log: who opened or changed whose record, found by patient, person or days; and whether it is whole."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import Desk, at
from api.console.pages.admin.asking import names_of_places, page
from api.depends import Session
from api.problems import Problem
from api.routes.audit import read_audit
from records.audit import Verdict, verify
from records.callers import names_of
from records.clock import system_time

router = APIRouter(include_in_schema=False)
Audits = Annotated[Desk, at("audit.read")]
Short = Annotated[str, Query(max_length=400)]
ROWS = 50
WITHIN = 30  # seconds that a page may look; a longer log is verified by the command
DAYS = (1, 7, 30)
NOTHING = {"patient": "", "who": "", "first": "", "last": ""}


@router.get("/admin/audit")
async def audit_page(
    desk: Audits,
    session: Session,
    patient: Short = "",
    who: Short = "",
    first: Short = "",
    last: Short = "",
    after: Short | None = None,
) -> Response:
    """Newest first."""
    asked = {"patient": patient[:40], "who": who[:40], "first": first, "last": last}
    return await _page(desk, session, asked, after)


@router.post("/admin/audit/verify")
async def verify_log(desk: Audits) -> Response:
    """Walks the entries of the last days, and says whether each is bound to the one before it."""
    days = int(desk.form.text("days")) if desk.form.text("days") in map(str, DAYS) else DAYS[0]
    log, verdict = desk.parts.audit, None
    try:
        async with asyncio.timeout(WITHIN):
            verdict = await verify(log.database, log.key, since=system_time() - timedelta(days=days))
    except TimeoutError:
        verdict = None
    async with desk.parts.database.reading() as session:
        return await _page(desk, session, NOTHING, None, verdict=verdict, days=days, looked=True)


async def _page(
    desk: Desk,
    session: AsyncSession,
    asked: dict[str, str],
    after: str | None,
    *,
    verdict: Verdict | None = None,
    days: int = 0,
    looked: bool = False,
) -> Response:
    wanted: dict[str, Any] = {name: asked[name] for name in ("patient", "who") if asked.get(name)}
    try:
        if asked.get("first"):
            wanted["since"] = datetime.combine(date.fromisoformat(asked["first"]), datetime.min.time(), UTC)
        if asked.get("last"):
            wanted["until"] = datetime.combine(date.fromisoformat(asked["last"]) + timedelta(days=1), datetime.min.time(), UTC)
        found = await read_audit(desk.caller, session, desk.request, limit=ROWS, after=after, **wanted)
        entries, more, missing = found.items, found.next, False
    except (ValueError, OverflowError, Problem):
        entries, more, missing = [], None, True
    names = await names_of(session, [one.who for one in entries])
    places = await names_of_places(session, [one.place for one in entries])
    return page(
        desk,
        "audit.html",
        entries=entries,
        next=more,
        names=names,
        places=places,
        asked=asked,
        missing=missing,
        verdict=verdict,
        looked=looked,
        days=days,
        choices=DAYS,
    )
