"""The band that a patient's own plan aims at, read from the rows that decide on a visit.

Rule 1: it is the rows that answer: a value is outside the band where a row that leads to a worse tag, or to a referral, holds by
        that value alone, whatever the others are. What only together decides has no band.
Rule 2: a pathway is looked at again only when it, or what it may ask of the person, is another: sweeping its rows costs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from pathways.engine.assess import facts
from pathways.engine.calendar import age_on
from pathways.engine.plan import Pathway, Plan, Row
from pathways.engine.state import Person

EMERGENCY = "emergency"
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")


@dataclass(frozen=True, slots=True)
class Target:
    """From ``low`` to ``high``; None where it is open. ``rows``: those that say so, as ``pathway row``.

    ``reaches_low``, ``reaches_high``: whether the number itself is still within; ``urgent_low``, ``urgent_high``: it is no aim, but
    where an emergency begins.
    """

    low: float | None
    high: float | None
    reaches_low: bool
    reaches_high: bool
    rows: tuple[str, ...]
    urgent_low: bool = False
    urgent_high: bool = False

    @property
    def is_aim(self) -> bool:
        """Whether a row aims at it, and does not only say where an emergency begins."""
        return (self.low is not None and not self.urgent_low) or (self.high is not None and not self.urgent_high)

    @property
    def said(self) -> str:
        """``> 3.9, < 7``: in numbers and signs only, which are read in every language."""
        low = "" if self.low is None else f"{'≥' if self.reaches_low else '>'} {self.low:g}"
        high = "" if self.high is None else f"{'≤' if self.reaches_high else '<'} {self.high:g}"
        return ", ".join(filter(None, (low, high)))


def targets(plan: Plan, person: Person, names: frozenset[str], today: date) -> dict[str, Target]:
    """By reading; the narrowest where several pathways aim. Nothing for readings that no row judges by themselves."""
    found: dict[str, Target] = {}
    age = age_on(person.born, today) if person.born is not None else None
    for pathway in plan.pathways.values():
        for name in sorted(names & pathway.readings.keys()):
            aim = _aim(_Asked(pathway), name, age, person.sex, person.conditions)
            if aim is not None:
                found[name] = _narrower(found[name], aim) if name in found else aim
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """A pathway, the same by its version: it never changes."""

    pathway: Pathway

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self.pathway.version == other.pathway.version

    def __hash__(self) -> int:
        return hash(self.pathway.version)


@lru_cache(maxsize=2048)
def _aim(asked: _Asked, name: str, age: int | None, sex: str, conditions: tuple[str, ...]) -> Target | None:
    pathway, reading = asked.pathway, asked.pathway.readings[name]
    rows = list(_worse(pathway))
    if reading.kind != "number" or reading.plausible is None or not rows:
        return None
    first, last = reading.plausible
    edges = sorted(edge for edge in _numbers(pathway, rows) if first < edge < last)
    if not edges:
        return None
    person, today = Person(None, sex, conditions), date(2000, 1, 1)

    def said(value: float) -> str:
        known = facts(pathway, person, None, {name: value}, on=today, given={} if age is None else {"age": age})
        return next((row.id for row in rows if row.when is not None and row.when.holds(known) is True), "")

    at = [said(edge) for edge in edges]
    between = [said((low + high) / 2) for low, high in zip((first, *edges), (*edges, last), strict=True)]
    if not any(between) or all(between):
        return None
    begins, ends = [first, *edges], [*edges, last]
    # The widest stretch that no row judges: from its first open piece to its last.
    best = max(_stretches(between), key=lambda piece: ends[piece[1]] - begins[piece[0]])
    low = edges[best[0] - 1] if best[0] > 0 else None
    high = edges[best[1]] if best[1] < len(edges) else None
    judged = (between[best[0] - 1] if best[0] > 0 else "", between[best[1] + 1] if best[1] < len(edges) else "")
    urgent = {row.id for row in rows if (refer := pathway.decisions[row.decision].refer) is not None and refer.urgency == EMERGENCY}
    return Target(
        low,
        high,
        low is not None and not at[best[0] - 1],
        high is not None and not at[best[1]],
        tuple(f"{pathway.name} {row}" for row in judged if row),
        judged[0] in urgent,
        judged[1] in urgent,
    )


def _stretches(between: list[str]) -> list[tuple[int, int]]:
    """First and last index of each run of pieces that no row judges."""
    found: list[tuple[int, int]] = []
    for n, row in enumerate(between):
        if row:
            continue
        if found and found[-1][1] == n - 1:
            found[-1] = (found[-1][0], n)
        else:
            found.append((n, n))
    return found


def _worse(pathway: Pathway) -> Iterable[Row]:
    """The rows on which a visit goes badly: to another tag than the best one, or to a referral."""
    best = pathway.tags[-1] if pathway.tags else None
    for table in {service.decide for service in pathway.services.values() if service.kind == "follow_up" and service.decide}:
        for row in pathway.tables[table].rows:
            decision = pathway.decisions.get(row.decision)
            if decision is not None and row.when is not None and (decision.refer is not None or decision.tag not in (None, best)):
                yield row


def _numbers(pathway: Pathway, rows: Iterable[Row]) -> set[float]:
    sources = [row.when.source for row in rows if row.when is not None] + [value.source for value in pathway.values.values()]
    return {float(number) for source in sources for number in _NUMBER.findall(source)}


def _narrower(one: Target, other: Target) -> Target:
    low = max((aim for aim in (one, other) if aim.low is not None), key=lambda aim: aim.low or 0, default=one)
    high = min((aim for aim in (one, other) if aim.high is not None), key=lambda aim: aim.high or 0, default=one)
    rows = tuple(dict.fromkeys((*low.rows, *high.rows)))
    return Target(low.low, high.high, low.reaches_low, high.reaches_high, rows, low.urgent_low, high.urgent_high)
