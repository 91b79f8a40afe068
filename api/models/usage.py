"""What texts cost, as the API gives it."""

from __future__ import annotations

from api.models.base import Model, Moment, example

USED = {
    "of": "2025-03",
    "channel": "twilio",
    "care_team": "team-1",
    "texts": 412,
    "segments": 455,
    "currency": "USD",
    "cost": 3_412_500,
}


class UsageLine(Model, json_schema_extra=example(**USED)):
    """Texts that a provider took. ``cost`` is in millionths of ``currency``; no currency: no price was told, or not yet."""

    of: str
    channel: str
    care_team: str
    texts: int
    segments: int
    currency: str
    cost: int


class UsageOut(Model, json_schema_extra=example(items=[USED], next=None, counted="2025-03-31T01:00:00Z")):
    """In the order of days or months, care teams and channels. ``counted``: when housekeeping counted last; null: never yet."""

    items: list[UsageLine]
    next: str | None
    counted: Moment | None
