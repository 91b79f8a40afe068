"""How the installation is doing: its parts, what stands wrong, what housekeeping did last, and which versions run."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import select

from activities.seeing.readiness import Ready
from api.console.desk import Desk, at
from api.console.pages.admin.asking import page
from api.console.pages.admin.jobs import JOBS, counts_of
from api.depends import Session
from api.problems import not_found
from api.routes.alerts import see_alert, standing
from pathways.engine.state import SCHEMA
from records.clock import system_time
from records.database import head
from records.tables import JobRow, PathwayVersion

router = APIRouter(include_in_schema=False)
LAST_DONE = select(JobRow.name, JobRow.succeeded, JobRow.said).order_by(JobRow.name)
VERSIONS = (
    select(PathwayVersion.pathway, PathwayVersion.version, PathwayVersion.published)
    .where(PathwayVersion.current)
    .order_by(PathwayVersion.pathway)
)
STALE = timedelta(hours=3)  # longer than any job's turn


@router.get("/admin")
async def health(desk: Annotated[Desk, at("holidays.write")], session: Session) -> Response:
    """Whatever stands wrong comes first."""
    ready: Ready = desk.request.app.state.ready
    alerts = await standing(session, desk.caller, limit=50)
    jobs = list(await session.execute(LAST_DONE))
    versions = list(await session.execute(VERSIONS))
    return page(
        desk,
        "health.html",
        ready=await ready.look(),
        alerts=alerts,
        jobs=jobs,
        named=JOBS,
        counts_of=counts_of,
        now=system_time(),
        stale=STALE,
        pathways=versions,
        cairn=desk.request.app.version,
        engine=SCHEMA,
        revision=head(),
        database=desk.parts.database.engine.dialect.name,
    )


@router.post("/admin/alerts/{alert_id}/seen")
async def seen(desk: Annotated[Desk, at("alerts.see")], alert_id: str) -> Response:
    """Somebody looks after it."""
    if not alert_id:
        raise not_found()
    await see_alert(desk.caller, desk.parts, alert_id)
    return desk.go("/admin", said="saved")
