"""Lists in pages: each page begins behind the last key of the one before, so that no list reads a whole table.

Rule: a cursor holds opaque ids, days and moments only; it travels in a URL.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

T = TypeVar("T")
INTEGER, BIG_INTEGER = 2**31 - 1, 2**63 - 1  # the most that a column of this type takes


class BadCursor(ValueError):
    """A cursor that no page of ours ended with."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``next``: the cursor of the page behind this one, None on the last page."""

    items: Sequence[T]
    next: str | None


def cursor(*key: str) -> str:
    """The cursor behind a row with this key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def behind(written: str | None, parts: int) -> list[str] | None:
    """The key that a cursor names; None for the first page. Raises BadCursor."""
    if written is None:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(written + "=" * (-len(written) % 4)))
    except ValueError:
        raise BadCursor("this is no cursor of ours") from None
    if not isinstance(key, list) or len(key) != parts or not all(isinstance(part, str) for part in key):
        raise BadCursor("this cursor belongs to another list")
    if any("\x00" in part or any("\ud800" <= c <= "\udfff" for c in part) for part in key):  # no database takes them
        raise BadCursor("this is no cursor of ours")
    return key


def moment_behind(written: str | None) -> tuple[datetime, str] | None:
    """The moment and the id that a cursor names; None for the first page. Raises BadCursor."""
    key = behind(written, 2)
    try:
        return None if key is None else (moment_in(key[0]), key[1])
    except ValueError:
        raise BadCursor("this cursor belongs to another list") from None


def number_behind(written: str | None, *, most: int = INTEGER) -> int | None:
    """The number that a cursor names; None for the first page. Raises BadCursor."""
    key = behind(written, 1)
    try:
        return None if key is None else number_in(key[0], most=most)
    except ValueError:
        raise BadCursor("this cursor belongs to another list") from None


def moment_in(part: str) -> datetime:
    """The moment that a part of a cursor names, UTC. Raises ValueError for one that no row has."""
    try:
        moment = datetime.fromisoformat(part)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except OverflowError:
        pass  # beyond the years that a calendar has
    raise ValueError("no moment of ours")


def number_in(part: str, *, most: int = INTEGER) -> int:
    """The number that a part of a cursor names. Raises ValueError for one that no row has."""
    number = int(part)
    if not 0 <= number <= most:
        raise ValueError("no number of ours")
    return number
