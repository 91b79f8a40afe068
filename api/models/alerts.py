"""Alerts: what goes wrong with messages, for whoever looks after the network."""

from __future__ import annotations

from typing import Any

from api.models.base import Model, Moment, example, page_of
from api.models.places import Next

_ALERT: dict[str, Any] = {
    "id": "9b2f1c",
    "kind": "planned_fewer",
    "about": "Asia/Shanghai",
    "channel": "",
    "care_team": None,
    "cause": "contact_rules_changed",
    "counts": {"planned": 0, "usual": 412, "hours": 1, "teams": 6},
    "raised": "2025-03-03T01:40:00Z",
    "cleared": None,
    "seen": None,
    "seen_by": "",
}


class AlertOut(Model, json_schema_extra=example(**_ALERT)):
    """Something that is wrong, or was.

    ``kind``: not_handed_over, not_stepped, planned_fewer, planned_fewer_day, not_arriving, answered_fewer. ``about``: a channel,
    a time zone, a care team, or ``all``. ``cause``: what can be seen of why, ``unknown`` where nothing shows.
    """

    id: str
    kind: str
    about: str
    channel: str
    care_team: str | None
    cause: str
    counts: dict[str, Any]
    raised: Moment
    cleared: Moment | None
    seen: Moment | None
    seen_by: str


class AlertPage(Model, json_schema_extra=page_of(AlertOut, looked="2025-03-03T01:40:00Z")):
    """Alerts, newest first. ``looked``: when housekeeping last compared (the machine's time); null: it never has."""

    items: list[AlertOut]
    next: Next
    looked: Moment | None
