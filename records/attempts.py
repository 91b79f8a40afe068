"""Tries of a message: stored before a channel is called, and found again by what the provider says."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import Attempt, Delivery
from records.vault import PersonVault


@dataclass(frozen=True)
class Attempts:
    """Attempts of one transaction."""

    session: AsyncSession

    async def last(self, patient_id: str, key: str) -> Attempt | None:
        """The newest try of a delivery."""
        query = select(Attempt).where(Attempt.patient_id == patient_id, Attempt.key == key)
        return (await self.session.scalars(query.order_by(Attempt.number.desc()).limit(1))).first()

    async def all(self, patient_id: str, key: str) -> list[Attempt]:
        """Every try of a delivery, the first one first; as they are now, whatever was read before the patient was held."""
        query = select(Attempt).where(Attempt.patient_id == patient_id, Attempt.key == key).order_by(Attempt.number)
        return list(await self.session.scalars(query.execution_options(populate_existing=True)))

    async def told_of(self, attempt: str | None, provider_id: str, channel: str = "") -> Attempt | None:
        """The try that a provider speaks of: by our id, or by its own where it does not say ours. ``channel``: by which it came."""
        query = select(Attempt).where(Attempt.id == attempt if attempt is not None else Attempt.provider_id == provider_id)
        if channel:  # two vendors may count their texts alike; what was sent before channels had names has none
            query = query.where(Attempt.channel.in_((channel, "")))
        return (await self.session.scalars(query.limit(1))).first()

    def begin(self, person: PersonVault, delivery: Delivery, *, to: str, text: str, at: datetime) -> Attempt:
        """A try of ``delivery`` by the channel that it names, its ``attempts`` counted already."""
        attempt = Attempt(
            id=secrets.token_urlsafe(24),
            patient_id=delivery.patient_id,
            key=delivery.key,
            number=delivery.attempts,
            channel=delivery.channel,
            at=at,
            status="begun",
            sealed=person.seal(_purpose(delivery.key), {"to": to, "text": text}),
        )
        self.session.add(attempt)
        return attempt

    @staticmethod
    def opened(person: PersonVault, attempt: Attempt) -> tuple[str, str]:
        """To whom and what."""
        sent = person.open(_purpose(attempt.key), attempt.sealed)
        return str(sent["to"]), str(sent["text"])


def _purpose(key: str) -> str:
    return f"attempt/{key}"
