"""Reading FHIR JSON that may be anything: each question is answered with the thing or with nothing, never an error.

Rule: what has the wrong shape is as if it had not been sent; who asks must say so where it matters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from records.intake.codes import Coding

Json = Mapping[str, object]
EARLIEST_YEAR, LATEST_YEAR = 1890, 2200

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\ufeff]")


def text(value: object) -> str:
    """A string without control characters, lone surrogates and surrounding space; "" for anything else."""
    if not isinstance(value, str):
        return ""
    sound = value.encode("utf-8", "replace").decode("utf-8")
    return _UNPRINTABLE.sub(" ", sound).strip() if _UNPRINTABLE.search(sound) else sound.strip()


def part(of: object, key: str) -> Json:
    """The object under ``key``, or an empty one."""
    value = of.get(key) if isinstance(of, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def parts(of: object, key: str) -> list[Json]:
    """The objects in the list under ``key``; one object that should have been in a list counts as a list of one."""
    value = of.get(key) if isinstance(of, Mapping) else None
    if isinstance(value, Mapping):
        return [value]
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def texts(of: object, key: str) -> list[str]:
    """The strings in the list under ``key``."""
    value = of.get(key) if isinstance(of, Mapping) else None
    if isinstance(value, str):
        value = [value]
    return [found for one in value if (found := text(one))] if isinstance(value, list) else []


def number(value: object) -> float | None:
    """A finite number, or None; a truth value is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def codings(concept: object) -> tuple[Coding, ...]:
    """The codes of a CodeableConcept."""
    return tuple(
        Coding(text(one.get("system")), text(one.get("code")), text(one.get("display"))) for one in parts(concept, "coding")
    )


def code_in(concept: object) -> str:
    """The first code of a CodeableConcept, "" when there is none."""
    return next((coding.code for coding in codings(concept) if coding.code), "")


def said(concept: Json) -> str:
    """A CodeableConcept in words: its text, else the first display, else the first code."""
    if written := text(concept.get("text")):
        return written
    every = codings(concept)
    return next((c.display for c in every if c.display), next((c.code for c in every if c.code), ""))


def day(value: object) -> date | None:
    """The day a FHIR date or dateTime begins with, when it names a whole day in a believable year; else None."""
    written = text(value)
    if not re.match(r"\d{4}-\d{2}-\d{2}(T|$)", written):
        return None
    try:
        found = date.fromisoformat(written[:10])
    except ValueError:
        return None
    return found if EARLIEST_YEAR <= found.year <= LATEST_YEAR else None


def moment(value: object, zone: ZoneInfo | None) -> datetime | None:
    """When something was: aware, in ``zone`` (UTC when not known). A bare day is its noon; "2019-05" is no moment."""
    found = day(value)
    if found is None:
        return None
    local = zone or UTC
    written = text(value)
    if len(written) == len("2019-05-01"):
        return noon(found, zone)
    try:
        at = datetime.fromisoformat(written)
        return at.replace(tzinfo=local) if at.tzinfo is None else at.astimezone(local)
    except (ValueError, OverflowError):
        return None


def noon(on: date, zone: ZoneInfo | None) -> datetime:
    """Noon of a day in ``zone``, UTC when not known."""
    return datetime.combine(on, time(12), tzinfo=zone or UTC)


def not_yet(day: date, on: date | None) -> bool:
    """Whether a day lies after today, if today is known. One day is let pass: it is tomorrow already further east."""
    return on is not None and day > on + timedelta(days=1)


def extension(of: Json, url: str) -> Json:
    """The extension of that address, or an empty object."""
    return next((one for one in parts(of, "extension") if text(one.get("url")) == url), {})


def still_holds(of: Json) -> bool:
    """Whether a name, phone or address is in use: not marked old, and its period has no end."""
    return text(of.get("use")) != "old" and not text(part(of, "period").get("end"))


def references(resource: Json, *keys: str) -> Iterator[Json]:
    """The references under any of ``keys``, lists of them included."""
    for key in keys:
        yield from parts(resource, key)
