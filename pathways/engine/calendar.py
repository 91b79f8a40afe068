"""Days and moments in the patient's own time zone. A reminder belongs to a local day; UTC midnight means nothing to a patient."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from hashlib import blake2b
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pathways.engine.plan import ContactRules

STAFF_DAY_BEGINS = time(7, 0)


@lru_cache(maxsize=512)
def zone(name: str) -> ZoneInfo:
    """The time zone, or UTC where the name is not one (enrolment refuses such names; a raise here would stall a patient)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


@lru_cache(maxsize=8192)
def local_day(moment: datetime, timezone: str) -> date:
    """The calendar day of ``moment`` where the patient lives."""
    return moment.astimezone(zone(timezone)).date()


@lru_cache(maxsize=8192)
def at_local(day: date, clock: time, timezone: str) -> datetime:
    """UTC moment of a local wall-clock time. A time that daylight saving skips becomes the moment after the gap."""
    return datetime.combine(day, clock, tzinfo=zone(timezone)).astimezone(UTC)


@lru_cache(maxsize=8192)
def staff_moment(day: date, timezone: str) -> datetime:
    """When the care team's work of ``day`` is laid out."""
    return at_local(day, STAFF_DAY_BEGINS, timezone)


@lru_cache(maxsize=8192)
def contact_moment(patient: str, day: date, timezone: str, rules: ContactRules) -> datetime:
    """The one moment of ``day`` at which this patient is texted: spread, but the same for all messages of the day."""
    digest = blake2b(f"{patient}/{day.isoformat()}".encode(), digest_size=4).digest()
    minutes = int.from_bytes(digest, "big") % max(1, rules.spread_minutes)
    return at_local(day, rules.opens, timezone) + timedelta(minutes=minutes)


def is_decent(moment: datetime, timezone: str, rules: ContactRules) -> bool:
    """Whether a routine message may go out at ``moment``."""
    return rules.opens <= moment.astimezone(zone(timezone)).time() < rules.closes


def age_on(born: date, day: date) -> int:
    """Full years lived on ``day``; someone born on 29 February has a birthday on 1 March in other years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
