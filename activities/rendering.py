"""What a message says: places by their names in the records, days as people write them, in the patient's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from babel.dates import format_skeleton
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.answering import FOR_WHOM
from pathways.engine.commands import Part, SendMessage
from pathways.engine.holding import redirecting
from pathways.engine.plan import Plan
from pathways.language import source
from pathways.language.wording import Wording, shipped_frames
from records.patients import Profile
from records.phone_questions import PhoneQuestions
from records.tables import CareTeam, Organisation, Patient, ReferralRow, RefillRow
from records.vault import PersonVault

GO_ELSEWHERE = "go_elsewhere"  # worded by the network; ``about`` names the place
LOCALES = {"zh-Hans": "zh_Hans", "zh-Hant": "zh_Hant"}


@cache
def network_wording() -> Wording:
    """What the network itself texts, outside any pathway."""
    texts = source.shipped(Path(__file__).with_name("network_messages.yaml"))
    return Wording({"": texts}, shipped_frames())


def written(day: date, language: str) -> str:
    """``17 March``, ``3月17日``: a day as a reader of ``language`` writes it."""
    locale = LOCALES.get(language, language.split("-")[0])
    return str(format_skeleton("MMMMd", day, locale=locale))


@dataclass(frozen=True)
class Rendering:
    """The wording of one patient's messages, within one transaction."""

    session: AsyncSession
    patient: Patient
    profile: Profile
    wording: Wording
    person: PersonVault | None = None
    plan: Plan | None = None  # with its holds, and the patient's day: for where people are sent instead
    today: date | None = None

    async def text(self, command: SendMessage) -> str:
        """The whole text. Raises NoWording."""
        at_work = (
            select(CareTeam, Organisation)
            .join(Organisation, Organisation.id == CareTeam.organisation_id)
            .where(CareTeam.id == self.patient.care_team_id)
        )
        team, centre = (await self.session.execute(at_work)).one()
        wording = self.wording | network_wording()
        said = [*command.parts, *await self._elsewhere(command)]
        language = wording.spoken([(part.pathway, part.template) for part in said], self.patient.language)
        parts = [(part.pathway, part.template, await self._variables(part, language, team, centre)) for part in said]
        first_name = self.profile.called(language) if command.to == "patient" else ""
        return wording.render(parts, language, centre.name, first_name, stop=command.to != "on_call")

    async def _variables(self, part: Part, language: str, team: CareTeam, centre: Organisation) -> Mapping[str, str]:
        named = {"place": centre.name, "phone": centre.phone, "emergency_number": team.emergency_number}
        if part.template == FOR_WHOM and self.person is not None:
            named["choices"] = await PhoneQuestions(self.session).choices_of(self.person)
        if part.day is not None:
            named["day"] = written(part.day, language)
        if part.template == GO_ELSEWHERE:
            named["place"] = await self._named(part.about) or centre.name
        elif part.about is not None and (to := await self._named(self._sent_to(part))) is not None:
            named["hospital" if part.about.startswith("referral") else "pharmacy"] = to
        elif part.about is not None and part.about.startswith("referral"):
            named["hospital"] = await self._name(
                select(Organisation.name)
                .join(ReferralRow, ReferralRow.place_id == Organisation.id)
                .where(ReferralRow.patient_id == self.patient.id, ReferralRow.referral == part.about)
                .order_by(ReferralRow.asked.desc()),
                kind="hospital",
            )
        elif part.about is not None and part.about.startswith("refill"):
            named["pharmacy"] = await self._name(
                select(Organisation.name)
                .join(RefillRow, RefillRow.pharmacy_id == Organisation.id)
                .where(RefillRow.patient_id == self.patient.id, RefillRow.refill == part.about)
                .order_by(RefillRow.asked.desc()),
                kind="pharmacy",
            )
        return named

    def _sent_to(self, part: Part) -> str | None:
        """The id of the place where people are sent instead, if they are."""
        hold = redirecting(self.plan, part, self.today) if self.plan is not None and self.today is not None else None
        return hold.to if hold is not None else None

    async def _elsewhere(self, command: SendMessage) -> list[Part]:
        """What is added where a text asks somebody to a centre in whose place another one sees them."""
        places = [self._sent_to(part) for part in command.parts if part.about is None]
        return [Part("", GO_ELSEWHERE, about=place) for place in dict.fromkeys(places) if place is not None]

    async def _named(self, place: str | None) -> str | None:
        found = await self.session.get(Organisation, place) if place is not None else None
        return found.name if found is not None else None

    async def _name(self, query: Select[str], *, kind: str) -> str:
        """The place that was asked last, or the first in the network's order where none was asked yet."""
        asked = (await self.session.scalars(query.limit(1))).first()
        if asked is not None:
            return asked
        first = select(Organisation.name).where(Organisation.kind == kind).order_by(Organisation.rank, Organisation.id)
        return (await self.session.scalars(first.limit(1))).first() or ""
