"""Why messages do not go out, as far as it can be seen from here; each in one code, ``unknown`` where nothing shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import ChannelState, ContactRulesRow, Delivery, MessageHold, PathwayDeed, Patient

LATELY, AN_HOUR_OR_TWO = timedelta(days=7), timedelta(hours=2)
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Causes:
    """Causes within one transaction. ``outside``: what was seen of Temporal and the workers, or nothing."""

    session: AsyncSession
    now: datetime
    outside: str = ""

    async def of_deliveries(self, channel: str) -> str:
        """Why planned messages are not handed over."""
        return self.outside or await self._paused(channel) or await self._commonest("failed") or UNKNOWN

    async def of_steps(self) -> str:
        """Why nobody came for a due moment."""
        return self.outside or ("steps_fail" if await self._faults() else UNKNOWN)

    async def of_plans(self) -> str:
        """Why fewer messages are planned than usual."""
        held = select(func.count()).select_from(MessageHold)
        held = held.where(MessageHold.first <= self.now.date(), MessageHold.last >= self.now.date())
        rules = select(func.count()).select_from(ContactRulesRow).where(ContactRulesRow.changed >= self.now - LATELY)
        deeds = select(func.count()).select_from(PathwayDeed).where(PathwayDeed.at >= self.now - LATELY)
        deeds = deeds.where(PathwayDeed.did.in_(("published", "rollout_started", "rolled_back", "retired")))
        for cause, query in (("on_hold", held), ("contact_rules_changed", rules), ("pathway_changed", deeds)):
            if await self.session.scalar(query):
                return cause
        return self.outside or ("steps_fail" if await self._faults() else "") or await self._commonest("dropped") or UNKNOWN

    async def of_answers(self) -> str:
        """Why fewer answers come in; the provider's webhook is not ours to see."""
        return await self._paused("") or "check_inbound_webhook"

    async def _paused(self, channel: str) -> str:
        query = select(ChannelState.why).where(ChannelState.paused_until > self.now).order_by(ChannelState.name == channel)
        return next((f"channel_{why or 'paused'}" for why in reversed((await self.session.scalars(query)).all())), "")

    async def _faults(self) -> bool:
        failing = select(Patient.id).where(Patient.next_due <= self.now, Patient.fault.is_not(None)).limit(1)
        return await self.session.scalar(failing) is not None

    async def _commonest(self, status: str) -> str:
        lately = (Delivery.kind == "message") & (Delivery.planned >= self.now - AN_HOUR_OR_TWO)
        query = select(Delivery.reason, func.count()).where(lately, Delivery.status == status)
        query = query.group_by(Delivery.reason).order_by(func.count().desc()).limit(1)
        found = (await self.session.execute(query)).first()
        return f"{status}_{found[0]}" if found and found[0] else ""
