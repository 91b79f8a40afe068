"""Prices that a provider tells only later, when it is asked.

Rule: each text is asked about once, the day after; what is not told then stays unpriced. Nothing is sent from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from activities.channels.port import ChannelError, Found
from activities.messages import MessageActivities
from activities.sending.calling import Calls
from activities.sending.planned import Planned
from records.clock import Clock
from records.database import Database
from records.tables import Attempt
from records.usage import TAKEN
from workflows.contract import Deliver

ASKED = 100  # added to how often a try was asked about
NOT_BEFORE, NOT_AFTER = timedelta(hours=24), timedelta(hours=72)


@dataclass(frozen=True)
class Prices:
    """``limit``: of one round."""

    database: Database
    clock: Clock
    messages: MessageActivities
    limit: int = 300

    async def ask(self) -> int:
        """Ask for what is missing; answers how many prices were told."""
        priced = [name for name, channel in self.messages.channels.by_name.items() if getattr(channel, "tells_price", False)]
        if not priced:
            return 0
        async with self.database.reading() as session:
            now = await self.clock.now(session)
            query = select(Attempt.patient_id, Attempt.key, Attempt.id).where(
                Attempt.status.in_(TAKEN), Attempt.at >= now - NOT_AFTER, Attempt.at < now - NOT_BEFORE
            )
            query = query.where(Attempt.cost.is_(None), Attempt.provider_id.is_not(None), Attempt.asked < ASKED)
            rows = await session.execute(query.where(Attempt.channel.in_(priced)).order_by(Attempt.at).limit(self.limit))
            missing = [(Deliver(patient, key, "message"), attempt) for patient, key, attempt in rows]
        told = 0
        for asked, attempt in missing:
            try:
                told += await self._ask(asked, attempt)
            except ChannelError:
                break  # the provider is away, or refuses us: the next round goes on
        return told

    async def _ask(self, asked: Deliver, attempt_id: str) -> bool:
        """True where it is told. Raises TryLater, Misconfigured."""
        vault, channels = self.messages.vault, self.messages.channels
        async with self.database.begin() as session:
            found = await Planned.load(session, vault, asked)
            attempt = found.by_id(attempt_id) if found is not None else None
            if found is None or attempt is None:
                return False
            channel, sms = attempt.channel, found.attempted(attempt)
        finding = await Calls(channels, self.messages.seeing).find(channel, sms)
        async with self.database.begin() as session:
            found = await Planned.load(session, vault, asked)
            attempt = found.by_id(attempt_id) if found is not None else None
            if found is None or attempt is None:
                return False
            attempt.asked += ASKED
            if isinstance(finding, Found) and finding.receipt.provider_id == attempt.provider_id:
                found.receipt(attempt, finding.receipt)
            return attempt.cost is not None
