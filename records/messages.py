"""Messages of one patient: what went out, what came in, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import Delivery, Message
from records.vault import PersonVault


@dataclass(frozen=True, slots=True)
class Text:
    """One SMS. ``who``: patient, carer or on_call. ``status``: the delivery's (handed, failed ...), or received."""

    at: datetime
    direction: str
    text: str
    key: str
    status: str
    who: str


@dataclass(frozen=True)
class Messages:
    """Messages of one transaction."""

    session: AsyncSession

    async def of(self, person: PersonVault, *, limit: int, newest_first: bool = False) -> list[Text]:
        """The newest ``limit`` messages, oldest of them first unless asked otherwise."""
        query = (
            select(Message, Delivery.status)
            .outerjoin(
                Delivery,
                and_(Delivery.patient_id == Message.patient_id, Delivery.key == Message.key, Message.direction == "out"),
            )
            .where(Message.patient_id == person.patient_id)
            .order_by(Message.at.desc(), Message.id.desc())
            .limit(limit)
        )
        found = []
        for row, status in await self.session.execute(query):
            body = person.open(f"message/{row.direction}/{row.key}", row.sealed)
            who = str(body.get("to") or body.get("from") or "patient")
            found.append(Text(row.at, row.direction, str(body["text"]), row.key, status or "received", who))
        return found if newest_first else found[::-1]

    def keep_inbound(self, person: PersonVault, *, key: str, at: datetime, text: str, who: str) -> None:
        """Keep what a phone texted to us."""
        sealed = person.seal(f"message/in/{key}", {"from": who, "text": text})
        self.session.add(Message(patient_id=person.patient_id, direction="in", key=key, at=at, sealed=sealed))
