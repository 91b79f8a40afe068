"""Rules of contact, as the API gives and takes them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from api.models.base import Model, Moment, example

Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="in the patient's own time zone")]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
SHOWN = {
    "opens": "09:00",
    "closes": "20:00",
    "spread_minutes": 90,
    "weekly_cap": 4,
    "quiet_weekdays": ["sunday"],
    "quiet_holidays": True,
    "quiet_dates": ["2025-12-31"],
    "texts_need_consent": False,
}


class ContactRulesIn(Model, json_schema_extra=example(**SHOWN)):
    """When and how often a network's patients are texted. What is left out is as shipped.

    Routine texts go out from ``opens`` to ``closes``, each patient's within ``spread_minutes`` of it; ``weekly_cap``: of those
    that we begin, in seven days. None go out on ``quiet_weekdays``, on ``quiet_dates``, nor, with ``quiet_holidays``, on the
    holidays of the calendar that the patient's place keeps. Safety is told at any hour. ``texts_need_consent``: who never said
    yes is called in place of any text.
    """

    opens: Clock = "09:00"
    closes: Clock = "20:00"
    spread_minutes: Annotated[int, Field(ge=0, le=960)] = 90
    weekly_cap: Annotated[int, Field(ge=0, le=21)] = 4
    quiet_weekdays: Annotated[list[Weekday], Field(max_length=7)] = Field(default_factory=list)
    quiet_holidays: bool = False
    quiet_dates: Annotated[list[date], Field(max_length=400)] = Field(default_factory=list)
    texts_need_consent: bool = False


class ContactRulesOut(
    ContactRulesIn, json_schema_extra=example(network="network", version=1, changed="2025-03-03T01:00:00Z", **SHOWN)
):
    """The rules that hold for a place. ``version`` is in the ETag; 0 and no ``changed``: as shipped, for nobody wrote any down."""

    network: str
    version: int
    changed: Moment | None = None
