"""What was measured of one person over time, with what was put right since.

Rule: only the newest are opened, however long the story; a correction counts as if it had been told right at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.events import AnyEvent
from pathways.engine.ordering import corrected
from pathways.serial import load_event
from records.tables import EventRow
from records.vault import PersonVault

MEASURING = ("enrolled", "visit_completed", "reading_received", "service_completed", "answer_received")


@dataclass(frozen=True)
class Measured:
    """The log of one person, as curves are drawn from it."""

    session: AsyncSession
    person: PersonVault

    async def newest(self, limit: int) -> Sequence[AnyEvent]:
        """The newest ``limit`` events that may tell a reading, in the order in which they were told, corrected."""
        theirs = select(EventRow).where(EventRow.patient_id == self.person.patient_id)
        told = theirs.where(EventRow.kind.in_(MEASURING)).order_by(EventRow.seq.desc()).limit(limit)
        right = theirs.where(EventRow.kind == "corrected").order_by(EventRow.seq.desc()).limit(limit)
        rows = [*await self.session.scalars(told), *await self.session.scalars(right)]
        return corrected([self._open(row) for row in sorted(rows, key=lambda row: row.seq)])

    def _open(self, row: EventRow) -> AnyEvent:
        return load_event(self.person.open(f"event/{row.seq}", row.sealed))
