"""What a message says: places by their names in the records, days as people write them, in the patient's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from babel.dates import format_skeleton
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.answering import FOR_WHOM
from pathways.engine.commands import Part, SendMessage
from pathways.engine.holding import redirecting
from pathways.engine.plan import Plan
from pathways.engine.referrals import GO_THERE
from pathways.language import source
from pathways.language.wording import Wording, shipped_frames
from records.patients import Profile
from records.phone_questions import PhoneQuestions
from records.pickups import code_of, shown
from records.referrals import OPEN
from records.tables import CareTeam, Organisation, Patient, ReferralRow, RefillRow
from records.vault import PersonVault

PICKUP_CODE, PLACE_ADDRESS = "pickup_code", "place_address"  # worded by the network, behind the word that a refill is ready
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
        said = [part for part in command.parts if await self._says_something(part, command)]
        said += [*await self._collected_at(command), *await self._elsewhere(command)]
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
        elif part.about is not None and part.about.startswith("referral"):
            hospital = await self._hospital(part)
            if hospital is not None:
                known = (hospital.name, hospital.address, hospital.phone)
                comma = "，" if language.startswith("zh") else ", "
                named |= {"hospital": hospital.name, "directions": comma.join(one for one in known if one)}
        elif part.about is not None and (to := await self._named(self._sent_to(part))) is not None:
            named["pharmacy"] = to
        elif part.about is not None and part.about.startswith("refill"):
            pharmacy = await self._pharmacy(part)
            named |= {"pharmacy": pharmacy.name, "address": pharmacy.address} if pharmacy is not None else {}
            if part.template == PICKUP_CODE and (code := await self._code(part)) is not None:
                named["pickup_code"] = shown(code)
        return named

    async def _pharmacy(self, part: Part) -> Organisation | None:
        """The pharmacy that was asked last, or the first in the network's order where none was asked yet."""
        asked = (
            select(Organisation)
            .join(RefillRow, RefillRow.pharmacy_id == Organisation.id)
            .where(RefillRow.patient_id == self.patient.id, RefillRow.refill == part.about)
            .order_by(RefillRow.asked.desc())
        )
        first = select(Organisation).where(Organisation.kind == "pharmacy").order_by(Organisation.rank, Organisation.id)
        return await self.session.scalar(asked.limit(1)) or await self.session.scalar(first.limit(1))

    async def _code(self, part: Part) -> str | None:
        """For what the medicine is handed out; None where it is not ready (any more), or people are sent elsewhere meanwhile."""
        if self.person is None or part.about is None or self._sent_to(part) is not None:
            return None
        ready = select(RefillRow).where(
            RefillRow.patient_id == self.patient.id, RefillRow.refill == part.about, RefillRow.stage == "ready"
        )
        row = await self.session.scalar(ready.limit(1))
        return code_of(self.person, row) if row is not None else None

    async def _collected_at(self, command: SendMessage) -> list[Part]:
        """Behind the word that a refill is ready: the code for which it is handed out, and the address if the pharmacy says one."""
        added: list[Part] = []
        for part in command.parts:
            if not self._says_ready(part) or await self._code(part) is None:
                continue
            added.append(Part("", PICKUP_CODE, about=part.about))
            pharmacy = await self._pharmacy(part)
            if pharmacy is not None and pharmacy.address:
                added.append(Part("", PLACE_ADDRESS, about=part.about))
        return added

    def _says_ready(self, part: Part) -> bool:
        """Whether it is the pathway's word that a refill is ready."""
        if self.plan is None or part.about is None or not part.about.startswith("refill"):
            return False
        pathway = self.plan.versions.get(part.version) or self.plan.pathways.get(part.pathway)
        return pathway is not None and any(one.says.get("ready") == part.template for one in pathway.services.values())

    async def _hospital(self, part: Part) -> Organisation | None:
        """Where the patient is sent: where people are sent instead, the place that has the referral, the one that was asked last,
        or the first in the network's order where none was asked yet.
        """
        if (elsewhere := self._sent_to(part)) is not None:
            return await self.session.get(Organisation, elsewhere)
        asked = (
            select(Organisation)
            .join(ReferralRow, ReferralRow.place_id == Organisation.id)
            .where(ReferralRow.patient_id == self.patient.id, ReferralRow.referral == part.about)
            .order_by(ReferralRow.stage.in_(sorted(OPEN)).desc(), ReferralRow.asked.desc())
        )
        first = select(Organisation).where(Organisation.kind == "hospital").order_by(Organisation.rank, Organisation.id)
        return await self.session.scalar(asked.limit(1)) or await self.session.scalar(first.limit(1))

    async def _says_something(self, part: Part, command: SendMessage) -> bool:
        """A place of which only the name is known, and that is named beside, needs no words of its own."""
        if part.template != GO_THERE or part.pathway or len(command.parts) == 1:
            return True
        hospital = await self._hospital(part)
        return hospital is not None and bool(hospital.address or hospital.phone)

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
