"""Who a page is about, opened once: what every page of one person begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from api.console.languages import translations
from api.depends import now_of
from api.models.patients import PatientOut
from api.parts import ApiParts
from api.problems import not_found
from api.showing.patients import Showing
from api.writing import patient_etag
from pathways.engine.calendar import age_on, local_day
from pathways.engine.plan import Plan, Text
from pathways.engine.state import ENDED, State
from records.looking_up import Found, look_up
from records.patients import Profile
from records.scope import Scope
from records.tables import Patient
from records.vault import PersonVault


@dataclass(frozen=True)
class Whom:
    """One person. ``profile`` and ``person`` are None for somebody who was forgotten; ``state`` before the first step, too."""

    found: Found
    shown: PatientOut
    profile: Profile | None
    state: State | None
    plan: Plan
    showing: Showing
    now: datetime

    @property
    def patient(self) -> Patient:
        return self.found.patient

    @property
    def person(self) -> PersonVault | None:
        return self.found.person

    @property
    def id(self) -> str:
        return self.patient.id

    @property
    def today(self) -> date:
        """Where they are."""
        return local_day(self.now, self.patient.timezone)

    @property
    def age(self) -> int | None:
        return age_on(self.profile.born, self.today) if self.profile is not None and self.profile.born is not None else None

    @property
    def read(self) -> str:
        """What a form sends along, so that nobody's change is overwritten."""
        return patient_etag(self.patient)

    @property
    def ended(self) -> bool:
        """Whether they have left care for good."""
        return self.patient.life in ENDED

    @property
    def titles(self) -> Mapping[str, Text]:
        """Of the pathways, by name."""
        return {one.name: one.title for one in self.plan.pathways.values()}

    @property
    def services(self) -> Mapping[tuple[str, str], Text]:
        """What the pathways call their services, by pathway and name."""
        return {
            (pathway.name, service.name): service.title
            for pathway in self.plan.pathways.values()
            for service in pathway.services.values()
        }


def told(language: str, text: str) -> str:
    """A text of ours (marked with ``N_``) in the reader's language: for what is said of a form."""
    return translations(language, "patients").gettext(text)


async def whom(
    session: AsyncSession, parts: ApiParts, scope: Scope, patient_id: str, language: str, *, rules: bool = False
) -> Whom:
    """``rules``: as for looking up. Raises Problem 404 for somebody who is not the caller's."""
    found = await look_up(session, parts.vault, scope, patient_id, rules=rules)
    if found is None:
        raise not_found()
    showing = Showing(session, parts.vault, parts.plans, language)
    shown, profile = showing.found(found)
    state, plan = await showing.state(found.patient), await showing.plan(patient_id)
    return Whom(found, shown, profile, state, plan, showing, await now_of(parts, session))
