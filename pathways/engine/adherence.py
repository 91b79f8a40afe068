"""How much of a time somebody had their medicine: what decision tables cannot fold over a history.

Rule: days are counted here; from which share on somebody is adherent stands in a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from pathways.engine.events import Fill


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
