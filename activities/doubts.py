"""Settling what hangs: messages of which nobody knows whether they went out, and deliveries that no workflow hands over.

Rule 1: the provider is asked; nothing is sent from here. What may be sent, the patient's own workflow sends.
Rule 2: a message that nobody can tell of stays *unknown* and is asked about again for some days; a person was told at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, select

from activities.channels.port import ChannelError
from activities.messages import IN_DOUBT, MessageActivities
from activities.recovery import Recovery
from activities.sending.doubting import ASKED_AT, PATIENCE
from activities.waking import Waker
from records.clock import Clock
from records.database import Database
from records.tables import Attempt, Delivery, Patient, PersonKey
from workflows.contract import Deliver

#: How old a try is when its provider is asked about it for the first, the second ... time; more and more rarely.
ASKED_AGAIN_AT = (*ASKED_AT, *(timedelta(hours=hours) for hours in (0.5, 0.75, 1, 2, 4, 8, 16, 24, 36, 48, 60, 72)))


@dataclass(frozen=True)
class Doubts:
    """``after``: how long an attempt or a plan is left to the patient's workflow; ``asked_for``: how long the provider is asked
    about a message that it could not tell of. All times are those of the installation's clock.
    """

    database: Database
    clock: Clock
    messages: MessageActivities
    waker: Waker
    after: timedelta = PATIENCE
    asked_for: timedelta = timedelta(days=3)
    limit: int = 200

    async def settle(self) -> Mapping[str, int]:
        """Ask about every message in doubt; answers how many became what. Raises NotWoken where Temporal is away."""
        counts: Counter[str] = Counter()
        to_wake: dict[str, int] = {}
        for asked in await self._in_doubt():
            try:
                settled = await self.messages.settle_doubt(asked)
            except ChannelError:
                counts["not_answered"] += 1
                continue  # the next round asks again; one refusal is no reason to leave the others
            counts[settled.status] += 1
            if settled.learnt or settled.status == "planned":
                to_wake[asked.patient] = await self._next_step(asked.patient)
        for patient, next_step in to_wake.items():
            await self.waker.wake(patient, next_step=next_step)
        return counts

    async def start_missing(self) -> int:
        """Start the workflow of whoever has something planned that has long not been handed over, where none runs."""
        async with self.database.reading() as session:
            now = await self.clock.now(session)
            hanging = (
                select(Delivery.patient_id)
                .where(Delivery.status.in_(("planned", "attempting")), Delivery.planned <= now - self.after)
                .order_by(Delivery.planned)
                .limit(self.limit)
            )
            patients = list(dict.fromkeys(await session.scalars(hanging)))
        return await Recovery(self.database, self.waker).start(patients) if patients else 0

    async def _in_doubt(self) -> list[Deliver]:
        async with self.database.reading() as session:
            now = await self.clock.now(session)
            left = (Attempt.status == "begun") & (Attempt.at <= now - self.after)
            turns = [(Attempt.asked <= times) & (Attempt.at <= now - age) for times, age in enumerate(ASKED_AGAIN_AT)]
            unknown = (Attempt.status == "unknown") & (Attempt.at >= now - self.asked_for) & or_(*turns)
            last_try = (
                (Delivery.patient_id == Attempt.patient_id) & (Delivery.key == Attempt.key) & (Delivery.attempts == Attempt.number)
            )
            rows = await session.execute(
                select(Attempt.patient_id, Attempt.key)
                .join(Delivery, last_try)
                .join(PersonKey, PersonKey.patient_id == Attempt.patient_id)  # whoever was forgotten is asked about no more
                .where(Attempt.status.in_(("begun", "unknown")), or_(left, unknown), Delivery.status.in_(IN_DOUBT))
                .order_by(Attempt.asked, Attempt.at)
                .limit(self.limit)
            )
            return [Deliver(patient, key, "message") for patient, key in rows]

    async def _next_step(self, patient: str) -> int:
        async with self.database.reading() as session:
            return (await session.scalar(select(Patient.last_step).where(Patient.id == patient)) or 0) + 1
