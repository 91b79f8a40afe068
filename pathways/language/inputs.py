"""What stands in a written case, taken as the engine takes it, or refused in one sentence.

Rule 1: nothing is guessed: a word where a number belongs is refused, with what would be right.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pathways.language.errors import did_you_mean

Case = Any  # what a JSON file may hold


class Refused(ValueError):
    """A case that cannot be decided as it is written; says which input, what is wrong, what would be right."""


def number(name: str, written: Case, place: str) -> float:
    """A finite number."""
    if isinstance(written, bool) or not isinstance(written, int | float) or not _is_finite(written):
        raise wrong(name, written, place, "a number", "write for example 128, or null when it is missing")
    return float(written)


def yes_no(name: str, written: Case, place: str) -> bool:
    """True or false."""
    if not isinstance(written, bool):
        raise wrong(name, written, place, "yes or no", "write true, false, or null when it is missing")
    return written


def words(name: str, written: Case, place: str) -> list[str]:
    """A list of words."""
    if not isinstance(written, list) or not all(isinstance(one, str) for one in written):
        raise wrong(name, written, place, "a list of words", 'write for example ["one", "two"], or [] when there is none')
    return written


def word(name: str, written: Case, place: str, known: Sequence[str] | Mapping[str, str]) -> str:
    """One of the ``known`` words."""
    if not isinstance(written, str) or written not in known:
        raise wrong(name, written, place, "a word it may have", did_you_mean(str(written), known))
    return written


def series(name: str, written: Case, place: str) -> list[object]:
    """Numbers, or lists of numbers, in the order of time; a number within it may be missing."""
    if not isinstance(written, list):
        raise wrong(name, written, place, "a list of measurements", "write for example [[142, 85], [138, 84]]")
    return [
        [None if inner is None else number(name, inner, place) for inner in one]
        if isinstance(one, list)
        else None
        if one is None
        else number(name, one, place)
        for one in written
    ]


def _is_finite(number: int | float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def wrong(name: str, written: Case, place: str, kind: str, remedy: str) -> Refused:
    """The refusal of what was ``written``."""
    shown = json.dumps(written, ensure_ascii=False)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return Refused(f"{place}: {name} is {shown}, not {kind}; {remedy}")


def day(name: str, written: Case, place: str) -> date:
    """A day as people write it in a case: ``2025-03-03``."""
    try:
        if isinstance(written, str) and len(written) == len("2025-03-03") and "1900" <= written < "2201":
            return date.fromisoformat(written)
    except ValueError:
        pass
    raise wrong(name, written, place, "a day", "write for example 2025-03-03")
