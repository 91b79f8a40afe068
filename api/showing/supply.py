"""Medicines as a patient has them: what is at home and until when, on which days it was at hand, and where it was lacking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from api.models.patients import AdherenceOut
from api.showing.adherence import show_adherence
from pathways.engine.adherence import OVER, fills_in
from pathways.engine.events import Fill
from pathways.engine.state import State
from records.eventlog import EventLog
from records.tables import Patient
from records.vault import PersonVault

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Days from ``first`` to ``last``, both included. ``lacking``: without the medicine."""

    first: date
    last: date
    lacking: bool

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Medicine:
    """``ends``: the last day with it, None where nothing is known to be at home; ``stage``: of an open request, or empty.

    ``spans``: of the last year, oldest first; ``kept``: the share of days covered.
    """

    name: str
    ends: date | None
    left: int | None
    stage: str
    instead_of: str
    spans: tuple[Span, ...]
    kept: AdherenceOut | None

    @property
    def gaps(self) -> list[Span]:
        """Where it was lacking, newest first."""
        return [span for span in reversed(self.spans) if span.lacking]


async def medicines(
    session: AsyncSession, patient: Patient, person: PersonVault, state: State, today: date, language: str
) -> tuple[list[Medicine], list[AdherenceOut]]:
    """Every medicine that was handed out in the last year or is at home, and the shares by class."""
    fills = fills_in(await EventLog(session, patient, person).of_kinds("enrolled", "dispensed", "corrected"))
    kept = await show_adherence(session, patient, person, today, language)
    shares = {one.name: one for one in kept if one.of == "medicine"}
    supplies = {supply.medicine: supply for supply in state.supplies.values()}
    names = sorted({*supplies, *shares})
    found = [
        Medicine(
            name,
            supplies[name].ends if name in supplies else None,
            (supplies[name].ends - today).days + 1 if name in supplies else None,
            supplies[name].stage if name in supplies else "",
            supplies[name].instead_of if name in supplies else "",
            tuple(spans([fill for fill in fills if fill.medicine == name], today - OVER, today)),
            shares.get(name),
        )
        for name in names
    ]
    return found, [one for one in kept if one.of == "class"]


def spans(fills: Sequence[Fill], first: date, last: date) -> list[Span]:
    """When one medicine was at hand and when not, from its first fill (or ``first``) to ``last``.

    An early fill begins when the earlier supply ends, as in the share of days covered.
    """
    found: list[Span] = []
    ends: date | None = None
    for fill in sorted(fills, key=lambda one: one.on):
        begins = fill.on if ends is None else max(fill.on, ends + A_DAY)
        if ends is not None and begins > ends + A_DAY:
            found.append(Span(ends + A_DAY, begins - A_DAY, lacking=True))
        ends = begins + timedelta(days=fill.days - 1)
        if found and not found[-1].lacking and found[-1].last + A_DAY == begins:
            found[-1] = Span(found[-1].first, ends, lacking=False)
        else:
            found.append(Span(begins, ends, lacking=False))
    if ends is not None and ends < last:
        found.append(Span(ends + A_DAY, last, lacking=True))
    within = (Span(max(one.first, first), min(one.last, last), one.lacking) for one in found)
    return [one for one in within if one.first <= one.last]
