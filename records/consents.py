"""What a patient said about being texted: every word is kept with where it came from, and the newest of each kind holds.

Rule: nothing here is ever changed or deleted but with the patient; who asks what was agreed on a day in the past is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import Consent

Source = Literal["enrolment", "hospital", "sms", "api", "provider"]
TEXTS = "texts"


@dataclass(frozen=True)
class Consents:
    """Consents of one transaction."""

    session: AsyncSession

    def keep(self, patient_id: str, what: str, *, given: bool, source: Source, at: datetime, by: str = "", event: str = "") -> None:
        """Keep one word. ``what``: texts (all of them), reminders, refills or referrals; ``by``: the key or account that told it;
        ``event``: the id of the event that carries it to the engine.
        """
        self.session.add(Consent(patient_id=patient_id, what=what, given=given, source=source, by=by, event=event, at=at))

    async def refused_by_provider(self, patient_id: str, *, at: datetime) -> None:
        """A provider says that they opted out: kept, unless their last word was a no already."""
        last = (await self.holding(patient_id)).get(TEXTS)
        if last is None or last.given:
            self.keep(patient_id, TEXTS, given=False, source="provider", at=at)

    async def words(self, patient_id: str) -> list[Consent]:
        """All of them, the newest first."""
        query = select(Consent).where(Consent.patient_id == patient_id).order_by(Consent.id.desc())
        return list(await self.session.scalars(query))

    async def holding(self, patient_id: str) -> Mapping[str, Consent]:
        """The newest word of each kind; what was never spoken of is not in it."""
        newest: dict[str, Consent] = {}
        for word in await self.words(patient_id):
            newest.setdefault(word.what, word)
        return newest
