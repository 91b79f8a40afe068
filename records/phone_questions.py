"""Phones of several patients that were asked for whom their last text was.

Rule: the text, and the names that were offered, are sealed under each candidate's own key; forgetting one forgets theirs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import PhoneQuestion
from records.vault import PersonVault

OPEN_FOR = timedelta(days=1)
PURPOSE = "phone_question"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked about. ``choices``: as the phone was shown them."""

    text: str = field(repr=False)
    choices: str = field(repr=False)


@dataclass(frozen=True)
class PhoneQuestions:
    """Open questions of one transaction."""

    session: AsyncSession

    async def of(self, token: bytes) -> PhoneQuestion | None:
        """What this phone was asked and has not answered, held against anybody else's change; it may have expired."""
        return await self.session.get(PhoneQuestion, token, with_for_update=True, populate_existing=True)

    async def expired(self, now: datetime, *, limit: int) -> list[tuple[bytes, list[str]]]:
        """Phones that did not answer in time, the oldest question first, with the candidates."""
        query = select(PhoneQuestion.token, PhoneQuestion.candidates).where(PhoneQuestion.expires <= now)
        rows = await self.session.execute(query.order_by(PhoneQuestion.expires).limit(limit))
        return [(token, list(candidates)) for token, candidates in rows]

    def ask(self, token: bytes, provider_id: str, people: Mapping[str, PersonVault], asked: Asked, *, at: datetime) -> None:
        """Keep the question; ``people`` in the order of their digits."""
        said = {"text": asked.text, "choices": asked.choices}
        sealed = {patient: base64.b64encode(person.seal(PURPOSE, said)).decode() for patient, person in people.items()}
        self.session.add(
            PhoneQuestion(
                token=token,
                provider_id=provider_id,
                asked=at,
                expires=at + OPEN_FOR,
                candidates=list(people),
                sealed=json.dumps(sealed).encode(),
            )
        )

    async def choices_of(self, person: PersonVault) -> str:
        """What the phone of this patient is to be shown; empty where nothing is asked any more."""
        for question in await self.session.scalars(select(PhoneQuestion).order_by(PhoneQuestion.asked.desc())):
            if person.patient_id in question.candidates:
                return opened(question, person).choices
        return ""


def opened(question: PhoneQuestion, person: PersonVault) -> Asked:
    """What this candidate's phone was asked about. Raises LookupError for somebody who is none."""
    sealed = json.loads(question.sealed)[person.patient_id]
    said = person.open(PURPOSE, base64.b64decode(sealed))
    return Asked(str(said["text"]), str(said["choices"]))
