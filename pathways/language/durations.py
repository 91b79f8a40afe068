"""Lengths of time as a coordinator writes them: ``15 days``, ``6 months``, ``2 hours``, ``3 days before``, ``same day``.

Rule 1: days are calendar days; a week is 7 of them, ``n`` months are ``n * 365 / 12`` rounded down, so that 12 months are 365.
Rule 2: what cannot be read is refused with the nearest thing that can.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal

Unit = Literal["hour", "day", "week", "month", "year"]
_UNITS: tuple[Unit, ...] = ("hour", "day", "week", "month", "year")
_LENGTH = re.compile(r"([0-9]{1,4}) (hour|day|week|month|year)(s?)")
_AROUND = re.compile(r"([0-9]{1,4} \w+) (before|after)")
_LONGEST_DAYS = 3660


class NotALength(ValueError):
    """The text is not a length of time of the kind asked for. ``remedy`` says what to write."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


def days(text: str) -> int:
    """Calendar days: ``15 days``, ``2 weeks``, ``6 months`` (182). Raises NotALength."""
    count, unit = _length(text)
    match unit:
        case "hour":
            raise NotALength(f"{text!r} is hours where days are meant", 'write days, for example "1 day"')
        case "day":
            number = count
        case "week":
            number = count * 7
        case "month":
            number = count * 365 // 12
        case "year":
            number = count * 365
    if number > _LONGEST_DAYS:
        raise NotALength(f"{text!r} is longer than ten years", "write a shorter time")
    return number


def months(text: str) -> int | None:
    """The number of months when the text speaks in months or years, else None. Raises NotALength."""
    count, unit = _length(text)
    return count if unit == "month" else count * 12 if unit == "year" else None


def span(text: str) -> timedelta:
    """A length in hours or days: ``2 hours``, ``3 days``. Raises NotALength."""
    count, unit = _length(text)
    return timedelta(hours=count) if unit == "hour" else timedelta(days=days(text))


def offset(text: str) -> int:
    """Days from the day: ``3 days before`` is -3, ``same day`` 0, ``3 days after`` 3. Raises NotALength."""
    if text == "same day":
        return 0
    found = _AROUND.fullmatch(text)
    if found is None:
        raise NotALength(f"{text!r} is not a day before or after", f'write "{_nearest(text)} before", "same day" or "... after"')
    return days(found[1]) * (-1 if found[2] == "before" else 1)


def before(text: str) -> int:
    """Days ahead: ``10 days before`` is 10, ``same day`` 0. Raises NotALength."""
    ahead = -offset(text)
    if ahead < 0:
        raise NotALength(f"{text!r} is after the day", f'write "{ahead * -1} days before"')
    return ahead


def supply_left(text: str) -> int:
    """Days of medicine left: ``7 days before supply ends`` is 7. Raises NotALength."""
    short = text.removesuffix(" before supply ends")
    if short == text:
        raise NotALength(f"{text!r} does not say when supply ends", f'write "{_nearest(text)} before supply ends"')
    return days(short)


def _length(text: str) -> tuple[int, Unit]:
    found = _LENGTH.fullmatch(text)
    if found is None or (found[1] != "1" and not found[3]):
        raise NotALength(f"{text!r} is not a length of time", f"write {_nearest(text)}")
    unit = next(unit for unit in _UNITS if unit == found[2])
    return int(found[1]), unit


def _nearest(text: str) -> str:
    """``3 month s`` to ``3 months``, ``15d`` to ``15 days``; ``15 days`` when nothing can be made of it."""
    squeezed = re.sub(r"[\s_-]+", "", text[:40].lower())
    found = re.match(r"([0-9]{1,4})([a-z]*)", squeezed)
    if found is None:
        return "15 days"
    unit = next((unit for unit in _UNITS if found[2][:3] == unit[:3] or found[2] == unit[0]), "day")
    return f"{int(found[1])} {unit}{'' if int(found[1]) == 1 else 's'}"
