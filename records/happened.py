"""What was told of a patient, newest first, with what was put right later; and what became of it.

Rule: nothing is changed or left out but the bookings, which are answers to ourselves; a correction is one more entry.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.commands import Reason
from pathways.engine.events import AnyEvent, Corrected
from pathways.engine.ordering import not_corrected
from pathways.serial import load_event, load_reason
from records.pages import Page, cursor, number_behind
from records.tables import EventRow, TimelineRow
from records.vault import PersonVault

OURS = ("visit_booked",)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the log. ``step``: the step that took it, None while none has.

    ``corrected_by``: ids of what put it right, oldest first; ``void``: it never happened.
    """

    event: AnyEvent
    kind: str
    step: int | None
    corrected_by: tuple[str, ...] = ()
    void: bool = False


@dataclass(frozen=True)
class Happened:
    """The log of one person, as people read it."""

    session: AsyncSession
    person: PersonVault

    async def page(self, *, limit: int, after: str | None = None) -> Page[Entry]:
        """What was told, newest first. Raises BadCursor."""
        query = self._rows().where(EventRow.kind.not_in(OURS)).order_by(EventRow.seq.desc()).limit(limit + 1)
        last = number_behind(after)
        if last is not None:
            query = query.where(EventRow.seq < last)
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        corrections = await self._corrections()
        entries = [self._entry(row, corrections) for row in shown]
        return Page(entries, cursor(str(shown[-1].seq)) if len(found) > limit else None)

    async def one(self, event_id: str) -> Entry | None:
        """The event with this id."""
        row = (await self.session.scalars(self._rows().where(EventRow.event_id == event_id))).first()
        return None if row is None else self._entry(row, await self._corrections())

    async def reasons(self, event_id: str) -> list[Reason]:
        """What the step that took this event put down; nothing while none has."""
        row = (await self.session.scalars(self._rows().where(EventRow.event_id == event_id))).first()
        if row is None or row.step is None:
            return []
        lines = await self.session.scalars(
            select(TimelineRow)
            .where(TimelineRow.patient_id == self.person.patient_id, TimelineRow.step == row.step)
            .order_by(TimelineRow.line)
        )
        return [load_reason(self.person.open(f"timeline/{line.step}/{line.line}", line.sealed)) for line in lines]

    def _rows(self) -> Select[EventRow]:
        return select(EventRow).where(EventRow.patient_id == self.person.patient_id)

    async def _corrections(self) -> list[Corrected]:
        rows = await self.session.scalars(self._rows().where(EventRow.kind == "corrected").order_by(EventRow.seq))
        found = [self._open(row) for row in rows]
        void = {event.corrects for event in found if isinstance(event, Corrected) and event.void}
        return [event for event in found if isinstance(event, Corrected) and event.id not in void]

    def _entry(self, row: EventRow, corrections: list[Corrected]) -> Entry:
        event = self._open(row)
        of_it = [one for one in corrections if one.corrects == event.id and not not_corrected(one, {event.id: event})]
        return Entry(event, row.kind, row.step, tuple(one.id for one in of_it), any(one.void for one in of_it))

    def _open(self, row: EventRow) -> AnyEvent:
        return load_event(self.person.open(f"event/{row.seq}", row.sealed))
