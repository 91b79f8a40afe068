"""Patients as record systems look for them: by identifier, number or beginnings of names, a page at a time by id.

Rule 1: what is sealed is searched by keyed hashes (records/vault.py) and looked at once it is opened, never the other way round.
Rule 2: whoever sees patients only through requests finds those alone, and says whom they look for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from records.patient_list import PatientList
from records.scope import Scope
from records.tables import CareTeam, EventRow, Patient, PersonToken, ReferralRow, RefillRow
from records.vault import LONGEST_BEGINNING, Vault, searchable

MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Sees:
    """What lets a caller see patients. ``all_of_teams``: whoever is in their care; else those of their ``referrals`` and
    ``refills``."""

    scope: Scope
    all_of_teams: bool
    referrals: bool
    refills: bool


@dataclass(frozen=True)
class PatientSearch:
    """Searches within one transaction."""

    session: AsyncSession
    vault: Vault

    async def some(
        self, sees: Sees, where: Iterable[ColumnElement[bool]], *, limit: int, after: str = ""
    ) -> Sequence[tuple[Patient, datetime]]:
        """Patients by id behind ``after``, each with the moment of what was last learnt of them."""
        query = select(Patient, func.coalesce(EventRow.learnt, Patient.created)).where(self.visible(sees), *where)
        last = and_(EventRow.patient_id == Patient.id, EventRow.seq == Patient.last_event)
        query = query.outerjoin(EventRow, last).where(Patient.id > after).order_by(Patient.id).limit(limit)
        return [(patient, at) for patient, at in await self.session.execute(query)]

    async def count(self, sees: Sees, where: Iterable[ColumnElement[bool]]) -> int | None:
        """How many there are; None where there are more than ``MOST_COUNTED``."""
        query = select(Patient.id).where(self.visible(sees), *where)
        last = and_(EventRow.patient_id == Patient.id, EventRow.seq == Patient.last_event)
        query = query.outerjoin(EventRow, last).limit(MOST_COUNTED + 1)
        found = await self.session.scalar(select(func.count()).select_from(query.subquery())) or 0
        return found if found <= MOST_COUNTED else None

    def visible(self, sees: Sees) -> ColumnElement[bool]:
        """Only the patients whom the caller may see."""
        teams, places = sees.scope.teams, sees.scope.places
        of_team = true() if teams is None else Patient.care_team_id.in_(sorted(teams))
        if sees.all_of_teams:
            return of_team
        ways: list[ColumnElement[bool]] = []
        for table, place in _requests(sees):
            asked = exists().where(table.patient_id == Patient.id)
            if sees.scope.is_a_place and places is not None:
                asked = asked.where(place.in_(sorted(places)))
            ways.append(asked)
        return or_(false(), *ways) if sees.scope.is_a_place else and_(of_team, or_(false(), *ways))

    async def asked_about(self, sees: Sees, patient_ids: Collection[str]) -> dict[str, datetime]:
        """By patient: when the newest of their requests that the caller may see last changed."""
        found: dict[str, datetime] = {}
        for table, place in _requests(sees):
            where = [table.patient_id.in_(sorted(patient_ids))]
            if sees.scope.is_a_place and sees.scope.places is not None:
                where.append(place.in_(sorted(sees.scope.places)))
            newest = select(table.patient_id, func.max(table.changed)).where(*where).group_by(table.patient_id)
            for patient_id, at in await self.session.execute(newest):
                found[patient_id] = max(at, found.get(patient_id, at))
        return found

    def identified(self, identifiers: Iterable[str]) -> ColumnElement[bool]:
        """Who has one of these identifiers (``system|value``)."""
        return self._having("identifier", [self.vault.token("identifier", one) for one in identifiers])

    async def rung(self, written: Iterable[str]) -> ColumnElement[bool]:
        """Whose own or carer's phone is one of these, as it is dialled where the network's care teams are."""
        numbers = {number for one in written for number in await PatientList(self.session, self.vault).numbers(one)}
        return self._having("phone", [self.vault.token("phone", number) for number in sorted(numbers)])

    def called(self, names: Iterable[str]) -> ColumnElement[bool]:
        """Whose name has, for one of ``names``, words that begin like each of its words; nobody for one that is too short."""
        ways = []
        for name in names:
            words = [word[:LONGEST_BEGINNING] for word in name.replace("-", " ").split() if any(True for _ in searchable(word))]
            if words:
                ways.append(and_(*(self._having("name", [self.vault.token("name", word)]) for word in words)))
        return or_(false(), *ways)

    async def teams_of(self, places: Iterable[str]) -> list[str]:
        """The care teams that are, or are at, one of these."""
        here = sorted(places)
        teams = select(CareTeam.id).where(or_(CareTeam.organisation_id.in_(here), CareTeam.id.in_(here))).order_by(CareTeam.id)
        return list(await self.session.scalars(teams))

    def _having(self, kind: str, tokens: Sequence[bytes]) -> ColumnElement[bool]:
        return Patient.id.in_(select(PersonToken.patient_id).where(PersonToken.kind == kind, PersonToken.token.in_(tokens)))


def _requests(sees: Sees) -> list[tuple[type[ReferralRow] | type[RefillRow], InstrumentedAttribute[str]]]:
    """The tables of requests through which the caller sees patients, each with its column of who was asked."""
    tables: list[tuple[type[ReferralRow] | type[RefillRow], InstrumentedAttribute[str]]] = []
    tables += [(ReferralRow, ReferralRow.place_id)] if sees.referrals else []
    tables += [(RefillRow, RefillRow.pharmacy_id)] if sees.refills else []
    return tables
