"""A patient's timeline: why each thing was done, or was not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.commands import Reason
from pathways.serial import load_reason
from records.pages import BadCursor, Page, behind, cursor, number_in
from records.tables import TimelineRow
from records.vault import PersonVault


@dataclass(frozen=True, slots=True)
class Line:
    """One reason, of one step."""

    step: int
    reason: Reason


@dataclass(frozen=True)
class Timeline:
    """Timelines of one transaction."""

    session: AsyncSession

    async def of(self, person: PersonVault, *, limit: int, after: str | None = None, newest_first: bool = False) -> Page[Line]:
        """The patient's reasons in the order in which they came, or the other way round. Raises BadCursor."""
        query = select(TimelineRow).where(TimelineRow.patient_id == person.patient_id).limit(limit + 1)
        place = tuple_(TimelineRow.step, TimelineRow.line)
        if newest_first:
            query = query.order_by(TimelineRow.step.desc(), TimelineRow.line.desc())
        else:
            query = query.order_by(TimelineRow.step, TimelineRow.line)
        key = behind(after, 2)
        if key is not None:
            try:
                last = tuple_(literal(number_in(key[0])), literal(number_in(key[1])))
            except ValueError:
                raise BadCursor("this cursor belongs to another list") from None
            query = query.where(place < last if newest_first else place > last)
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        lines = [Line(row.step, load_reason(person.open(f"timeline/{row.step}/{row.line}", row.sealed))) for row in shown]
        return Page(lines, cursor(str(shown[-1].step), str(shown[-1].line)) if len(found) > limit else None)

    async def of_codes(self, person: PersonVault, codes: Iterable[str], *, limit: int) -> list[Line]:
        """The patient's newest ``limit`` reasons with one of these codes, oldest of them first; only they are opened."""
        query = select(TimelineRow).where(TimelineRow.patient_id == person.patient_id, TimelineRow.code.in_(sorted(codes)))
        newest = query.order_by(TimelineRow.step.desc(), TimelineRow.line.desc()).limit(limit)
        rows = list(await self.session.scalars(newest))[::-1]
        return [Line(row.step, load_reason(person.open(f"timeline/{row.step}/{row.line}", row.sealed))) for row in rows]
