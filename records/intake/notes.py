"""Collects what was not understood while one person is read, grouped so that a nurse can read it.

Rule: a hundred things of one sort become one line with a count, never a hundred lines and never silence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from records.intake.people import NotUnderstood

NAMED_IN_A_GROUP = 6


@dataclass
class Notes:
    """Notes about one person. ``add`` is for single things, ``count`` for things that come in numbers."""

    place: str
    _single: dict[NotUnderstood, None] = field(default_factory=dict)
    _groups: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    def add(self, what: str, remedy: str, place: str | None = None) -> None:
        """Note one thing; the same thing said twice is one note."""
        self._single[NotUnderstood(place or self.place, what, remedy)] = None

    def count(self, group: str, item: str, remedy: str) -> None:
        """Count one ``item`` under ``group``, words that read on from a number: "observations not used here"."""
        self._groups.setdefault((group, remedy), Counter())[item] += 1

    def done(self) -> tuple[NotUnderstood, ...]:
        """All notes: single ones as they came, then one for each group."""
        grouped = [
            NotUnderstood(self.place, f"{items.total()} {group}: {_named(items)}", remedy)
            for (group, remedy), items in self._groups.items()
        ]
        return (*self._single, *grouped)


def _named(items: Counter[str]) -> str:
    named = [f"{item} {number}" if number > 1 else item for item, number in items.most_common(NAMED_IN_A_GROUP)]
    others = len(items) - len(named)
    return ", ".join(named) + (f" and {others} other kinds" if others > 0 else "")
