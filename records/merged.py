"""One list made of several tables, in the order of a moment, a page at a time.

Rule 1: each arm is read by an index from where the page before ended; what is read grows with the page, not with the tables.
Rule 2: the order is total (moment, source, key), so that no page skips or repeats a row that stays where it is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cmp_to_key
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, collate, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from records.pages import BadCursor, Page, behind, cursor, moment_in
from records.tables import Base, Moment

MOST_COUNTED = 10_000


@dataclass(frozen=True)
class Arm:
    """Rows of one source. ``query``: all of them, without an order; ``keys``: columns that tell rows of one moment apart.

    Arms of one ``source`` are ordered among themselves by their keys, letter by letter, whatever the database's language.
    """

    source: int
    query: Select[Any]
    moment: InstrumentedAttribute[datetime]
    keys: tuple[InstrumentedAttribute[str], ...]
    alone: bool = False  # the only arm of its source: the database's own order of keys will do

    def key_of(self, row: Base) -> tuple[datetime, tuple[str, ...]]:
        """Where a row stands."""
        return getattr(row, self.moment.key), tuple(str(getattr(row, key.key)) for key in self.keys)


@dataclass(frozen=True)
class Merged:
    """A list of ``arms``, of one transaction."""

    session: AsyncSession
    arms: Sequence[Arm]
    descending: bool = False

    async def page(self, *, limit: int, after: str | None = None) -> Page[Base]:
        """Rows behind ``after``. Raises BadCursor."""
        last = _read(after)
        found: list[list[tuple[Arm, Base]]] = []
        for arm in self.arms:
            rows = await self.session.scalars(self._behind(arm, last).limit(limit + 1))
            found.append([(arm, row) for row in rows])
        merged = self._merge(found)
        shown = [one for one, _ in zip(merged, range(limit), strict=False)]
        more = sum(map(len, found)) > limit
        return Page([row for _, row in shown], _cursor(*shown[-1]) if more and shown else None)

    async def count(self, *, most: int | None = MOST_COUNTED) -> int | None:
        """How many rows there are; None where there are more than ``most``."""
        total = 0
        for arm in self.arms:
            rows = arm.query.with_only_columns(literal(1).label("one"), maintain_column_froms=True)
            if most is not None:
                rows = rows.limit(most + 1 - total)
            counted: int | None = await self.session.scalar(select(func.count()).select_from(rows.subquery()))
            total += counted or 0
            if most is not None and total > most:
                return None
        return total

    def _behind(self, arm: Arm, last: tuple[datetime, int, tuple[str, ...]] | None) -> Select[Any]:
        keys = [self._ordered(arm, key) for key in arm.keys]
        order = [arm.moment, *keys]
        query = arm.query.order_by(*(column.desc() for column in order) if self.descending else order)
        if last is None:
            return query
        moment, source, key = last
        at = literal(moment, Moment())
        further = arm.moment < at if self.descending else arm.moment > at
        among = arm.source > source if not self.descending else arm.source < source
        if among:
            return query.where(arm.moment <= at if self.descending else arm.moment >= at)
        if arm.source != source:
            return query.where(further)
        if len(key) != len(keys):
            raise BadCursor("this cursor belongs to another list")
        if arm.alone:  # one language for all of its keys, so that an index ends the comparison
            here, there = tuple_(*order), tuple_(at, *map(literal, key))
            return query.where(here < there if self.descending else here > there)
        reached = arm.moment <= at if self.descending else arm.moment >= at
        return query.where(reached, or_(further, _beyond(keys, key, descending=self.descending)))

    def _ordered(self, arm: Arm, key: InstrumentedAttribute[str]) -> Any:
        postgres = self.session.get_bind().dialect.name == "postgresql"
        return collate(key, "C") if postgres and not arm.alone else key

    def _merge(self, found: Sequence[Sequence[tuple[Arm, Base]]]) -> Iterator[tuple[Arm, Base]]:
        """Each list is in order already. An arm that is alone of its source never has its keys compared here."""

        def standing(one: tuple[Arm, Base]) -> tuple[datetime, int, tuple[str, ...]]:
            moment, keys = one[0].key_of(one[1])
            return moment, one[0].source, keys

        def compare(one: tuple[Arm, Base], other: tuple[Arm, Base]) -> int:
            a, b = standing(one), standing(other)
            if one[0] is other[0]:
                return 0
            return (a > b) - (a < b)

        return heapq.merge(*found, key=cmp_to_key(compare), reverse=self.descending)


def _beyond(keys: Sequence[Any], last: Sequence[str], *, descending: bool) -> ColumnElement[bool]:
    """The keys behind ``last``, spelt out: a comparison of rows would need one language for all of them."""
    steps: list[ColumnElement[bool]] = []
    for n, key in enumerate(keys):
        same = [before == value for before, value in zip(keys[:n], last, strict=False)]
        steps.append(and_(*same, key < last[n] if descending else key > last[n]))
    return or_(*steps)


def _cursor(arm: Arm, row: Base) -> str:
    moment, keys = arm.key_of(row)
    return cursor(moment.isoformat(), str(arm.source), *keys, *("" for _ in range(2 - len(keys))), str(len(keys)))


def _read(written: str | None) -> tuple[datetime, int, tuple[str, ...]] | None:
    key = behind(written, 5)
    if key is None:
        return None
    try:
        return moment_in(key[0]), int(key[1]), tuple(key[2 : 2 + int(key[4])])
    except ValueError:
        raise BadCursor("this cursor belongs to another list") from None
