"""What is drawn on a person's page, as numbers for a template: the tag's band, the days with medicine, the year ahead.

Rule: a drawing is for eyes; the same is told beneath it in words, in a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from api.models.story import AheadOut, PlanOut
from api.showing.supply import Span
from api.showing.tags import Band, Spell

WIDE = 1000.0  # units of a drawing's width
LEAST = timedelta(days=90)  # a band of a few days only would say little
LONGEST = timedelta(days=3 * 365)
LEAST_WIDE = 8.0  # a tag of today can be seen, too


@dataclass(frozen=True, slots=True)
class Piece:
    """From ``x``, ``wide`` units. ``level``: 1 for the best tag, one more for each that is worse."""

    x: float
    wide: float
    level: int
    spell: Spell


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of time at ``x``."""

    x: float
    day: date


@dataclass(frozen=True, slots=True)
class TagDrawing:
    """One band, ``levels`` high: the worse the tag the higher it stands, so that colour does not tell alone."""

    band: Band
    pieces: tuple[Piece, ...]
    ticks: tuple[Tick, ...]
    levels: int
    since: date
    today: date

    @classmethod
    def of(cls, band: Band, today: date) -> TagDrawing:
        begins = max(band.spells[0].since, today - LONGEST)
        first = min(begins, today - LEAST)
        days = max(1, (today - first).days)

        def x(day: date) -> float:
            return round(WIDE * (max(day, first) - first).days / days, 1)

        levels = max(1, len(band.tags))
        pieces: list[Piece] = []
        for one in band.spells:
            wide = max(LEAST_WIDE, x(one.until or today) - x(one.since))
            if (one.until or today) >= first:
                pieces.append(Piece(min(x(one.since), WIDE - wide), wide, _level(band.tags, one.tag), one))
        return cls(band, tuple(pieces), tuple(Tick(x(day), day) for day in _months(first, today, every=3)), levels, first, today)


def _level(tags: Sequence[str], tag: str) -> int:
    return len(tags) - tags.index(tag) if tag in tags else 1


@dataclass(frozen=True, slots=True)
class YearDrawing:
    """The year that ends today, on which days with medicine are laid."""

    today: date

    def x(self, day: date) -> float:
        return round(WIDE * (365 - (self.today - day).days) / 365, 1)

    def wide(self, span: Span) -> float:
        return round(WIDE * span.days / 365, 1)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something on the strip; ``first`` of its day in its lane carries the day's number."""

    x: float
    one: AheadOut
    numbered: bool


@dataclass(frozen=True, slots=True)
class Strip:
    """Twelve months from left to right; lanes by kind, only those that hold something."""

    months: tuple[Tick, ...]
    lanes: Mapping[str, tuple[Mark, ...]]


#: Kinds that share a lane, in the order in which they stand.
LANES: Mapping[str, tuple[str, ...]] = {
    "visit": ("visit",),
    "screening": ("screening",),
    "refill": ("refill",),
    "work": ("call", "task"),
    "text": ("reminder", "message"),
}
APART = 24.0  # units between two days whose numbers can both be read


def strip(plan: PlanOut) -> Strip:
    """Where everything that lies ahead stands on the strip."""
    days = max(1, (plan.until - plan.since).days)

    def x(day: date) -> float:
        return round(WIDE * min(max((day - plan.since).days, 0), days) / days, 1)

    lanes: dict[str, tuple[Mark, ...]] = {}
    for lane, kinds in LANES.items():
        marks: list[Mark] = []
        last = -APART
        for one in (item for item in plan.items if item.kind in kinds):
            at = x(one.day)
            marks.append(Mark(at, one, at - last >= APART))
            last = at if at - last >= APART else last
        if marks:
            lanes[lane] = tuple(marks)
    return Strip(tuple(Tick(x(day), day) for day in _months(plan.since, plan.until, every=1)), lanes)


def _months(first: date, last: date, *, every: int) -> list[date]:
    """The first days of months between two days."""
    found: list[date] = []
    year, month = first.year, first.month
    while (day := date(year, month, 1)) <= last:
        if day >= first and (month - 1) % every == 0:
            found.append(day)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found
