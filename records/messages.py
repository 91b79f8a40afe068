"""Messages of one patient: what went out, what came in, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import BigInteger, and_, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import BIG_INTEGER, BadCursor, Page, behind, cursor, moment_in, number_in
from records.tables import Attempt, Delivery, Message, Moment
from records.vault import PersonVault


@dataclass(frozen=True, slots=True)
class Text:
    """One SMS. ``who``: patient, carer or on_call. ``status``: the delivery's (handed, failed ...), or received.

    ``reason``: a code where it did not arrive; ``settled``: since when the status is known. Of one that went out: ``channel``,
    ``arrived`` (what its provider said last: sent, delivered, read, undelivered ...), ``segments`` and ``cost`` (millionths of
    ``currency``), where the provider says so.
    """

    at: datetime
    direction: str
    text: str
    key: str
    status: str
    who: str
    reason: str = ""
    settled: datetime | None = None
    channel: str = ""
    arrived: str = ""
    segments: int | None = None
    cost: int | None = None
    currency: str = ""


@dataclass(frozen=True)
class Messages:
    """Messages of one transaction."""

    session: AsyncSession

    async def page(self, person: PersonVault, *, limit: int, after: str | None = None) -> Page[Text]:
        """The patient's messages, newest first. Raises BadCursor."""
        query = (
            select(Message, Delivery, Attempt)
            .outerjoin(
                Delivery,
                and_(Delivery.patient_id == Message.patient_id, Delivery.key == Message.key, Message.direction == "out"),
            )
            .outerjoin(
                Attempt,
                and_(
                    Attempt.patient_id == Delivery.patient_id,
                    Attempt.key == Delivery.key,
                    Attempt.number == Delivery.attempts,
                ),
            )
            .where(Message.patient_id == person.patient_id)
            .order_by(Message.at.desc(), Message.id.desc())
            .limit(limit + 1)
        )
        key = behind(after, 2)
        if key is not None:
            try:
                last = tuple_(literal(moment_in(key[0]), Moment()), literal(number_in(key[1], most=BIG_INTEGER), BigInteger()))
            except ValueError:
                raise BadCursor("this cursor belongs to another list") from None
            query = query.where(tuple_(Message.at, Message.id) < last)
        found = list(await self.session.execute(query))
        shown = found[:limit]
        last_row = shown[-1][0] if len(found) > limit else None
        texts = [_text(person, row, delivery, attempt) for row, delivery, attempt in shown]
        return Page(texts, cursor(last_row.at.isoformat(), str(last_row.id)) if last_row is not None else None)

    async def of(self, person: PersonVault, *, limit: int) -> list[Text]:
        """The newest ``limit`` messages, oldest of them first."""
        return list((await self.page(person, limit=limit)).items)[::-1]

    def keep_inbound(self, person: PersonVault, *, key: str, at: datetime, text: str, who: str) -> None:
        """Keep what a phone texted to us."""
        sealed = person.seal(f"message/in/{key}", {"from": who, "text": text})
        self.session.add(Message(patient_id=person.patient_id, direction="in", key=key, at=at, sealed=sealed))


def _text(person: PersonVault, row: Message, delivery: Delivery | None, attempt: Attempt | None) -> Text:
    body = person.open(f"message/{row.direction}/{row.key}", row.sealed)
    who, said = str(body.get("to") or body.get("from") or "patient"), str(body["text"])
    if delivery is None:
        return Text(row.at, row.direction, said, row.key, "received", who)
    text = Text(
        row.at,
        row.direction,
        said,
        row.key,
        delivery.status,
        who,
        delivery.reason,
        delivery.settled,
        delivery.channel,
        delivery.arrived,
    )
    if attempt is None:
        return text
    return replace(text, segments=attempt.segments, cost=attempt.cost, currency=attempt.currency)
