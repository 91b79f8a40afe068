"""Marks on numbers: why a channel does not reach one. A mark goes when the number changes or a person lifts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import NumberMark


@dataclass(frozen=True)
class NumberMarks:
    """Marks of one transaction. ``who``: patient or carer."""

    session: AsyncSession

    async def of(self, patient_id: str, who: str) -> dict[str, str]:
        """Channel to reason, the oldest first."""
        return {mark.channel: mark.reason for mark in await self.table(patient_id, who)}

    async def table(self, patient_id: str, who: str) -> list[NumberMark]:
        """The marks themselves, the oldest first."""
        query = select(NumberMark).where(NumberMark.patient_id == patient_id, NumberMark.who == who).order_by(NumberMark.at)
        return list(await self.session.scalars(query))

    async def put(self, patient_id: str, who: str, channel: str, reason: str, *, at: datetime) -> None:
        """Mark it; what was marked before keeps the newer reason."""
        mark = await self.session.get(NumberMark, (patient_id, who, channel))
        if mark is None:
            self.session.add(NumberMark(patient_id=patient_id, who=who, channel=channel, reason=reason, at=at))
        else:
            mark.reason, mark.at = reason, at

    async def lift(self, patient_id: str, who: str, channel: str | None = None) -> None:
        """Take the marks away, of one channel or of all."""
        those = delete(NumberMark).where(NumberMark.patient_id == patient_id, NumberMark.who == who)
        await self.session.execute(those.where(NumberMark.channel == channel) if channel is not None else those)
