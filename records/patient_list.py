"""Lists of patients: searched, filtered, a page at a time, each with what a list shows of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.intake.columns import ROSTER_SYSTEM
from records.intake.patient import NATIONAL_ID
from records.intake.places import e164, shipped_places
from records.pages import Page, behind, cursor
from records.patients import Outline, Profile, profile_in
from records.scope import Scope
from records.tables import CareTeam, Enrolment, Patient, PersonKey, PersonToken, VisitBooking
from records.vault import PersonVault, Vault, searchable

UNREACHABLE = "unreachable"
#: Each row with what it is shown with, a row at a time and in one question: the database sees only the page's own.
_OUTLINES = select(
    select(PersonKey.wrapped).where(PersonKey.patient_id == Patient.id).scalar_subquery(),
    select(func.aggregate_strings(Enrolment.pathway, ",")).where(Enrolment.patient_id == Patient.id).scalar_subquery(),
    select(func.min(VisitBooking.day)).where(VisitBooking.patient_id == Patient.id).scalar_subquery(),
    *Outline.columns(),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A patient as a list shows them. ``profile`` is None for a person who was forgotten."""

    patient: Patient | Outline
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
        reach: str | None = None,
        pathway: str | None = None,
        team: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> Page[Listed]:
        """Patients whose name has words that begin like each of ``words``, or whose phone or number it is. Raises BadCursor.

        ``team``: only this care team's, where the caller may see it; ``pathway``: only those who are on it.
        """
        # One shape for every scope, on purpose: the database knows how common a token and how large a team is, and begins with
        # the smaller. Over a million patients it finds a surname that 72,000 have through the 2,000 of the team (11 ms), a rare
        # one through its tokens (2 ms), and in the network it walks the tokens by id to the end of the page (1 ms); each of these
        # shapes, forced on the other cases, took from 130 to 2,000 ms. The plan must be made for the word that is looked for:
        # see ``plan_cache_mode`` where the database is opened.
        query = _OUTLINES.order_by(Patient.id).limit(limit + 1)
        query = scope.of_teams(query, Patient.care_team_id)
        for any_of in await self._tokens(words):
            each = [(PersonToken.kind == kind) & PersonToken.token.in_(tokens) for kind, tokens in any_of.items()]
            query = query.where(Patient.id.in_(select(PersonToken.patient_id).where(or_(*each))))
        if tag is not None:
            query = query.where(Patient.tag == tag)
        if life is not None:
            query = query.where(Patient.life == life)
        if reach is not None:
            query = query.where(Patient.reach == (literal_column("'unreachable'") if reach == UNREACHABLE else reach))
        if team is not None:
            query = query.where(Patient.care_team_id == team)
        if pathway is not None:
            query = query.where(Patient.id.in_(select(Enrolment.patient_id).where(Enrolment.pathway == pathway)))
        key = behind(after, 1)
        if key is not None:
            query = query.where(Patient.id > key[0])
        found = (await self.session.execute(query)).all()
        shown = [self._outlined(*row) for row in found[:limit]]
        return Page(shown, cursor(shown[-1].patient.id) if len(found) > limit else None)

    def _outlined(self, wrapped: bytes | None, pathways: str | None, booked: date | None, *columns: Any) -> Listed:
        patient = Outline(*columns)
        profile = None if wrapped is None else profile_in(patient, self.vault.person(patient.id, wrapped))
        return Listed(patient, profile, tuple(sorted(pathways.split(","))) if pathways else (), booked)

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
        vaults = await self.vaults({patient.id for patient in patients})
        return {patient.id: profile_in(patient, vaults[patient.id]) for patient in patients if patient.id in vaults}

    async def vaults(self, ids: Iterable[str]) -> dict[str, PersonVault]:
        """What opens these patients' records, in one query; whoever was forgotten is left out."""
        keys = select(PersonKey.patient_id, PersonKey.wrapped).where(PersonKey.patient_id.in_(sorted(ids)))
        return {patient_id: self.vault.person(patient_id, wrapped) for patient_id, wrapped in await self.session.execute(keys)}

    async def _tokens(self, words: str) -> list[dict[str, list[bytes]]]:
        """What must all be found, each in one of some ways of writing it: tokens by kind."""
        digits = "".join(c for c in words if c.isdigit() or c == "+")
        asked = [word for word in words.replace("-", " ").split() if any(True for _ in searchable(word))]
        if len(digits) >= 7:
            phones = [self.vault.token("phone", number) for number in sorted(await self.numbers(digits))]
            return [{"phone": phones, "identifier": self._identifiers(words.strip(), "".join(words.split()))}]
        by_name = [{"name": [self.vault.token("name", word)]} for word in asked]
        if digits and len(words.split()) == 1:  # a name may have a digit, too
            return [{"identifier": self._identifiers(words.strip()), **(by_name[0] if len(by_name) == 1 else {})}]
        return by_name

    def _identifiers(self, *written: str) -> list[bytes]:
        """A number of the centre's or of a card, as it is written and in capitals."""
        ways = {way for one in written for way in (one, one.upper())}
        known = sorted(f"{system}|{number}" for system in (ROSTER_SYSTEM, NATIONAL_ID) for number in ways)
        return [self.vault.token("identifier", one) for one in known]

    async def numbers(self, written: str) -> set[str]:
        """Every number that may be meant: as it is written, and as it is dialled where the network's care teams are."""
        if written.startswith("+"):
            return {written}
        zones = set(await self.session.scalars(select(CareTeam.timezone).distinct()))
        countries = {shipped_places().country_of_zone(zone) for zone in zones}
        read = {e164(written, country) for country in countries}
        return {written} | {number for number in read if number is not None}
