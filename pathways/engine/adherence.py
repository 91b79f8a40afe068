"""How much of a time somebody had their medicine: what decision tables cannot fold over a history.

Rule 1: days are counted here; from which share on somebody is adherent stands in a table.
Rule 2: a share says something from two fills and ninety-one days on (PQA); before that it is told, and not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from pathways.engine.events import AnyEvent, Corrected, Dispensed, Enrolled, Fill

OVER = timedelta(days=365)  # a share is of so many days, at most
JUDGED_FROM = timedelta(days=91)
JUDGED_FILLS = 2


class NoFills(ValueError):
    """Nothing was dispensed up to the end of the period: there is no first day to count from."""


@dataclass(frozen=True, slots=True)
class Covered:
    """``covered_days`` of ``period_days``, the days from the first fill (or the period's start, when later) to the period's end."""

    covered_days: int
    period_days: int

    @property
    def share(self) -> Fraction:
        """0 to 1."""
        return Fraction(self.covered_days, self.period_days)


def proportion_of_days_covered(fills: Sequence[Fill], first: date, last: date, *, shift: bool = True) -> Covered:
    """Days with any of the medicines at hand, from ``first`` to ``last``, both included.

    An early fill of the same medicine starts when its earlier supply ends (``shift``); different medicines of a class never shift.
    Each day counts once. Source: PQA measure PDC. Raises NoFills; ValueError when ``last`` lies before ``first``.
    """
    if last < first:
        raise ValueError(f"the period ends on {last} before it begins on {first}; write the earlier day first")
    used = sorted((fill for fill in fills if fill.days > 0), key=lambda fill: (fill.on, fill.medicine))
    if not used or used[0].on > last:
        raise NoFills(f"nothing was dispensed up to {last}")
    start = max(first, used[0].on)
    covered: set[int] = set()
    ends: dict[str, date] = {}
    for fill in used:
        begins = fill.on
        if shift and fill.medicine in ends:
            begins = max(begins, ends[fill.medicine] + timedelta(days=1))
        ends[fill.medicine] = ended = begins + timedelta(days=fill.days - 1)
        covered.update(range(max(begins, start).toordinal(), min(ended, last).toordinal() + 1))
    return Covered(len(covered), (last - start).days + 1)


@dataclass(frozen=True, slots=True)
class Class:
    """Medicines whose days are counted together, by the beginnings of their ATC codes."""

    name: str
    title: Mapping[str, str]
    atc: tuple[str, ...]
    basis: str


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of the time from ``first`` to ``last`` a medicine, or any of a class, was at hand. ``of``: its name.

    ``judged``: there is enough of a history for the share to say something.
    """

    of: str
    is_class: bool
    first: date
    last: date
    covered: Covered
    judged: bool


def fills_in(events: Iterable[AnyEvent]) -> tuple[Fill, ...]:
    """What was ever handed out, without what turned out never to have happened."""
    told = list(events)
    void = {event.corrects for event in told if isinstance(event, Corrected) and event.void}
    found: list[Fill] = []
    for event in told:
        if event.id not in void:
            found += event.fills if isinstance(event, Enrolled) else (event.fill,) if isinstance(event, Dispensed) else ()
    return tuple(fill for fill in found if fill.days > 0)


def kept_up(fills: Sequence[Fill], codes: Mapping[str, str], classes: Iterable[Class], today: date) -> tuple[Kept, ...]:
    """The shares of the last year up to ``today``, by medicine and by class; ``codes``: the ATC code of each known medicine.

    A class of which only one medicine was handed out is told beside that medicine all the same. Source: PQA measure PDC.
    """
    by: dict[tuple[bool, str], list[Fill]] = {}
    for fill in sorted(fills, key=lambda one: (one.on, one.medicine)):
        by.setdefault((False, fill.medicine), []).append(fill)
        code = codes.get(fill.medicine, "")
        for one in classes:
            if code and code.startswith(one.atc):
                by.setdefault((True, one.name), []).append(fill)
    return tuple(kept for (is_class, of), theirs in sorted(by.items()) if (kept := _kept(of, is_class, theirs, today)) is not None)


def _kept(of: str, is_class: bool, fills: Sequence[Fill], today: date) -> Kept | None:
    first = max(fills[0].on, today - OVER)
    if first > today or not any(fill.on + timedelta(days=fill.days) > first for fill in fills):
        return None  # nothing of it for a year
    covered = proportion_of_days_covered(fills, first, today)
    judged = len(fills) >= JUDGED_FILLS and today - first >= JUDGED_FROM
    return Kept(of, is_class, first, today, covered, judged)
