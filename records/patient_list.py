"""Lists of patients: searched, filtered, a page at a time, each with what a list shows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import Page, behind, cursor
from records.patients import Patients, Profile
from records.scope import Scope
from records.tables import Enrolment, Patient, PersonKey, PersonToken, VisitBooking
from records.vault import Vault, searchable


@dataclass(frozen=True, slots=True)
class Listed:
    """A patient as a list shows them. ``profile`` is None for a person who was forgotten."""

    patient: Patient
    profile: Profile | None
    pathways: tuple[str, ...]
    visit_day: date | None


@dataclass(frozen=True)
class PatientList:
    """Lists within one transaction."""

    session: AsyncSession
    vault: Vault

    async def page(
        self,
        scope: Scope,
        *,
        words: str = "",
        tag: str | None = None,
        life: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> Page[Listed]:
        """Patients whose name has words that begin like each of ``words``, or whose phone it is. Raises BadCursor."""
        query = select(Patient).order_by(Patient.id).limit(limit + 1)
        query = scope.of_teams(query, Patient.care_team_id)
        for kind, token in self._tokens(words):
            having = select(PersonToken.patient_id).where(PersonToken.kind == kind, PersonToken.token == token)
            query = query.where(Patient.id.in_(having))
        if tag is not None:
            query = query.where(Patient.tag == tag)
        if life is not None:
            query = query.where(Patient.life == life)
        key = behind(after, 1)
        if key is not None:
            query = query.where(Patient.id > key[0])
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(await self.listed(shown), cursor(shown[-1].id) if len(found) > limit else None)

    async def listed(self, patients: Sequence[Patient]) -> list[Listed]:
        """What a list shows of these patients, in their order; a few queries however many they are."""
        ids = [patient.id for patient in patients]
        profiles = await self.profiles(patients)
        pathways: dict[str, list[str]] = {}
        enrolments = (
            select(Enrolment.patient_id, Enrolment.pathway).where(Enrolment.patient_id.in_(ids)).order_by(Enrolment.pathway)
        )
        for patient_id, pathway in await self.session.execute(enrolments):
            pathways.setdefault(patient_id, []).append(pathway)
        booked = select(VisitBooking.patient_id, func.min(VisitBooking.day)).where(VisitBooking.patient_id.in_(ids))
        days: Mapping[str, date] = {row[0]: row[1] for row in await self.session.execute(booked.group_by(VisitBooking.patient_id))}
        return [Listed(p, profiles.get(p.id), tuple(pathways.get(p.id, ())), days.get(p.id)) for p in patients]

    async def profiles(self, patients: Sequence[Patient]) -> dict[str, Profile]:
        """Who these patients are; whoever was forgotten is left out."""
        ids = {patient.id for patient in patients}
        # Held here while it is used: the session only remembers what somebody holds.
        keys = list(await self.session.scalars(select(PersonKey).where(PersonKey.patient_id.in_(ids))))
        reachable = {key.patient_id for key in keys}
        people = Patients(self.session, self.vault)
        return {patient.id: await people.profile(patient) for patient in patients if patient.id in reachable}

    def _tokens(self, words: str) -> list[tuple[str, bytes]]:
        digits = "".join(c for c in words if c.isdigit() or c == "+")
        if len(digits) >= 7:
            return [("phone", self.vault.token("phone", digits))]
        asked = [word for word in words.replace("-", " ").split() if any(True for _ in searchable(word))]
        return [("name", self.vault.token("name", word)) for word in asked]
