"""Days and moments in the patient's own time zone. A reminder belongs to a local day; UTC midnight means nothing to a patient."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from hashlib import blake2b
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pathways.engine.plan import ContactRules

STAFF_DAY_BEGINS = time(7, 0)
FURTHEST = timedelta(days=62)  # for which days that are not quiet are looked for


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
    """The one moment of ``day`` at which this patient is texted: spread, but the same for all messages of the day.

    Whether the day is a quiet one is asked by ``is_decent``. A day of which daylight saving, or the date line, leaves no window
    has a moment that is not decent.
    """
    digest = blake2b(f"{patient}/{day.isoformat()}".encode(), digest_size=4).digest()
    minutes = int.from_bytes(digest, "big") % max(1, rules.spread_minutes)
    opening = at_local(day, rules.opens, timezone)
    spread = (opening + timedelta(minutes=late) for late in range(minutes, -1, -1))  # nearer, where the clocks leave less room
    return next((moment for moment in spread if _is_open(moment, timezone, rules)), opening)


@lru_cache(maxsize=8192)
def reminder_moment(patient: str, day: date, before: date | None, timezone: str, rules: ContactRules) -> datetime:
    """When a reminder of ``day`` goes out: on that day, or the next that is not quiet, but before the day ``before``.

    Where the next one is too late, the last that is not quiet before ``day``.
    """
    later = day
    while is_quiet(later, rules) and later - day < FURTHEST and (before is None or later < before):
        later += timedelta(days=1)
    if not is_quiet(later, rules) and (before is None or later < before):
        return contact_moment(patient, later, timezone, rules)
    sooner = day
    while is_quiet(sooner, rules) and day - sooner < FURTHEST:
        sooner -= timedelta(days=1)
    return contact_moment(patient, sooner, timezone, rules)


def next_contact(patient: str, after: datetime, timezone: str, rules: ContactRules) -> datetime | None:
    """The patient's first decent moment that lies ahead of ``after``; None where none comes within ``FURTHEST``."""
    today = local_day(after, timezone)
    days = (today + timedelta(days=ahead) for ahead in range(FURTHEST.days + 1))
    moments = (contact_moment(patient, day, timezone, rules) for day in days)
    return next((moment for moment in moments if moment > after and is_decent(moment, timezone, rules)), None)


def is_quiet(day: date, rules: ContactRules) -> bool:
    """Whether nothing routine goes out on ``day``."""
    return day.weekday() in rules.quiet_weekdays or day in rules.quiet_dates


def is_decent(moment: datetime, timezone: str, rules: ContactRules) -> bool:
    """Whether a routine message may go out at ``moment``."""
    return _is_open(moment, timezone, rules) and not is_quiet(local_day(moment, timezone), rules)


def _is_open(moment: datetime, timezone: str, rules: ContactRules) -> bool:
    return rules.opens <= moment.astimezone(zone(timezone)).time() < rules.closes


def moved(moment: datetime, came_from: str, timezone: str) -> datetime:
    """The moment at which clocks in ``timezone`` show what those in ``came_from`` show at ``moment``."""
    return moment.astimezone(zone(came_from)).replace(tzinfo=zone(timezone)).astimezone(UTC)


def age_on(born: date, day: date) -> int:
    """Full years lived on ``day``; someone born on 29 February has a birthday on 1 March in other years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
