"""The patient's event log: what happened, sealed, in the order in which it was learnt.

Rule 1: an event is stored before anybody is told of it.
Rule 2: an event whose id is there already is the same event; nothing is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.events import AnyEvent
from pathways.serial import dump_event, load_event
from records.tables import EventRow, Patient
from records.vault import PersonVault


@dataclass(frozen=True)
class EventLog:
    """One patient's log, in one transaction that holds the patient's row. ``by``: the key or account that tells what is added."""

    session: AsyncSession
    patient: Patient
    person: PersonVault
    by: str | None = None

    async def append(self, event: AnyEvent) -> bool:
        """Store ``event``; False when it is there already."""
        there = select(EventRow.seq).where(EventRow.patient_id == self.patient.id, EventRow.event_id == event.id)
        if (await self.session.scalars(there)).first() is not None:
            return False
        self.patient.last_event += 1
        seq = self.patient.last_event
        body = dump_event(event)
        self.session.add(
            EventRow(
                patient_id=self.patient.id,
                seq=seq,
                event_id=event.id,
                kind=str(body["type"]),
                at=event.at,
                learnt=event.learnt,
                sealed=self.person.seal(f"event/{seq}", body),
                told_by=self.by,
            )
        )
        return True

    async def untaken(self) -> Sequence[tuple[EventRow, AnyEvent]]:
        """Events that no step has taken yet, in order; where the patient's row says that there are none, nothing is asked."""
        if self.patient.last_event == self.patient.taken_event:
            return []
        rows = await self.session.scalars(
            select(EventRow)
            .where(EventRow.patient_id == self.patient.id, EventRow.seq > self.patient.taken_event)
            .order_by(EventRow.seq)
        )
        return [(row, self._open(row)) for row in rows]

    async def all(self) -> Sequence[AnyEvent]:
        """The whole log."""
        rows = await self.session.scalars(select(EventRow).where(EventRow.patient_id == self.patient.id).order_by(EventRow.seq))
        return [self._open(row) for row in rows]

    async def of_kinds(self, *kinds: str) -> Sequence[AnyEvent]:
        """The events of these kinds, in order; a kind is named as it is stored (``dispensed``)."""
        theirs = select(EventRow).where(EventRow.patient_id == self.patient.id, EventRow.kind.in_(kinds))
        return [self._open(row) for row in await self.session.scalars(theirs.order_by(EventRow.seq))]

    def _open(self, row: EventRow) -> AnyEvent:
        return load_event(self.person.open(f"event/{row.seq}", row.sealed))
