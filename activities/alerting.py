"""Telling people of alerts: a line in the log, a metric, and the network's own webhook.

Rule 1: a webhook carries codes, counts and moments, nothing of a patient; it is signed with a time, so that it cannot be made
        up or repeated.
Rule 2: an alert is told until the receiver has taken it, raised and cleared alike; a slow receiver holds up nothing but the
        next telling.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from activities.seeing import Seeing
from activities.signing import SIGNATURE, signature
from records.alerts import Alerts
from records.clock import system_time
from records.database import Database
from records.tables import Alert

ANSWERS_WITHIN = 5.0  # seconds


@dataclass(frozen=True)
class Alerting:
    """``webhook`` empty: nobody outside is told. ``secret``: shared with the receiver."""

    database: Database
    seeing: Seeing
    webhook: str = ""
    secret: str = field(default="", repr=False)

    def say(self, raised: Iterable[Alert], cleared: Iterable[Alert]) -> None:
        """Into the log."""
        for alert in raised:
            self.seeing.log.error("alert_raised", cause=alert.cause, **_named(alert))
        for alert in cleared:
            self.seeing.log.warning("alert_cleared", **_named(alert))

    async def count(self) -> int:
        """Set the gauges; answers how many stand."""
        async with self.database.reading() as session:
            standing = await Alerts(session).open()
        self.seeing.metrics.alerts_open.clear()
        for alert in standing:
            self.seeing.metrics.alerts_open.labels(alert.kind).inc()
        self.seeing.metrics.messages_last_looked_at.set_to_current_time()
        return len(standing)

    async def tell(self) -> int:
        """Tell the webhook what it has not heard; answers how many it took. Stops at the first that it does not take."""
        if not self.webhook:
            return 0
        async with self.database.reading() as session:
            untold = [(alert.id, alert.cleared, message_of(alert)) for alert in await Alerts(session).untold()]
        taken = 0
        async with httpx.AsyncClient(timeout=ANSWERS_WITHIN) as http:
            for alert_id, cleared, message in untold:
                if not await self._told(http, message):
                    break
                taken += await self._note(alert_id, cleared)
        return taken

    async def _told(self, http: httpx.AsyncClient, message: dict[str, Any]) -> bool:
        body = json.dumps(message, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", SIGNATURE: signature([self.secret], body, at=system_time())}
        try:
            answer = await http.post(self.webhook, content=body, headers=headers)
        except httpx.HTTPError as away:
            self.seeing.log.warning("alert_not_told", fault=type(away).__name__)
            return False
        if not answer.is_success:
            self.seeing.log.warning("alert_not_told", status=answer.status_code)
        return answer.is_success

    async def _note(self, alert_id: str, cleared: datetime | None) -> int:
        """It was taken as it was; where it has changed meanwhile it is told again."""
        async with self.database.begin() as session:
            alert = await session.get(Alert, alert_id, with_for_update=True)
            if alert is not None and alert.cleared == cleared:
                alert.told = system_time()
        return 1


def _named(alert: Alert) -> dict[str, str | None]:
    return {"kind": alert.kind, "channel": alert.channel or None, "care_team": alert.care_team_id}


def message_of(alert: Alert) -> dict[str, Any]:
    """What a webhook tells: ``id`` is the same for raised and cleared."""
    return {
        "id": alert.id,
        "state": "raised" if alert.cleared is None else "cleared",
        "kind": alert.kind,
        "about": alert.about,
        "channel": alert.channel,
        "care_team": alert.care_team_id,
        "cause": alert.cause,
        "counts": alert.body,
        "raised": alert.raised.isoformat(),
        "cleared": alert.cleared.isoformat() if alert.cleared else None,
    }
