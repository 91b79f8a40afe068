"""Alerts of the dead-man switch: that messages stopped is seen here within the hour, not at the end of the month."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import After, Limit, Parts, Session, may
from api.models.alerts import AlertOut, AlertPage
from api.problems import not_found
from api.rights import has
from records.alerts import Alerts
from records.callers import Caller
from records.tables import Alert, JobRow

router = APIRouter(prefix="/alerts", tags=["messages"])


@router.get("", summary="Alerts about messages")
async def list_alerts(
    caller: Annotated[Caller, may("alerts.read")],
    session: Session,
    state: Annotated[str, Query(pattern="^(open|all)$", description="`open`: those that stand")] = "open",
    limit: Limit = 50,
    after: After = None,
) -> AlertPage:
    """Those of the caller's care teams, and those that concern a channel, a time zone or everybody."""
    page = await Alerts(session).page(caller.scope, only_open=state == "open", limit=limit, after=after)
    looked = await session.get(JobRow, "messages")
    return AlertPage(items=[_shown(alert) for alert in page.items], next=page.next, looked=looked.succeeded if looked else None)


async def standing(session: AsyncSession, caller: Caller, *, limit: int) -> list[AlertOut]:
    """Those that stand, the newest first; none for whoever may not read them."""
    if not has(caller, "alerts.read"):
        return []
    page = await Alerts(session).page(caller.scope, only_open=True, limit=limit, after=None)
    return [_shown(alert) for alert in page.items]


@router.post("/{alert_id}/seen", summary="Somebody looks after it")
async def see_alert(caller: Annotated[Caller, may("alerts.see")], parts: Parts, alert_id: str) -> AlertOut:
    """Notes who looks after it, the first one only; the alert stands until what is wrong is over."""
    async with parts.database.begin() as session:
        alert = await Alerts(session).one(alert_id, caller.scope)
        if alert is None:
            raise not_found()
        if alert.seen is None:
            alert.seen, alert.seen_by = await parts.clock.now(session), caller.id
        return _shown(alert)


def _shown(alert: Alert) -> AlertOut:
    return AlertOut(
        id=alert.id,
        kind=alert.kind,
        about=alert.about,
        channel=alert.channel,
        care_team=alert.care_team_id,
        cause=alert.cause,
        counts=alert.body,
        raised=alert.raised,
        cleared=alert.cleared,
        seen=alert.seen,
        seen_by=alert.seen_by,
    )
