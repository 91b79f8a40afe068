"""Patients looked up: in one question, what every page of one begins with, and whom a page of requests is about.

Rule: whoever may not see the patient finds nobody, and nothing of somebody whom they may not see is opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.following import RULES, Followed, ruled
from records.patients import Outline
from records.scope import Scope
from records.tables import CareTeam, Enrolment, Organisation, Patient, PersonKey, VisitBooking
from records.vault import PersonVault, Vault

_BOOKED = select(func.min(VisitBooking.day)).where(VisitBooking.patient_id == Patient.id).scalar_subquery()


@cache
def _one(rules: bool) -> Select[*tuple[Any, ...]]:
    """Asked for nearly every page of a person, so it is built once."""
    columns = (Patient, CareTeam, Organisation, PersonKey.wrapped, _BOOKED, Enrolment.pathway, Enrolment.version)
    query: Select[*tuple[Any, ...]] = (
        select(*columns, *(RULES if rules else ()))
        .join(CareTeam, CareTeam.id == Patient.care_team_id)
        .join(Organisation, Organisation.id == CareTeam.organisation_id)
        .outerjoin(PersonKey, PersonKey.patient_id == Patient.id)
        .outerjoin(Enrolment, Enrolment.patient_id == Patient.id)
    )
    return (ruled(query) if rules else query).where(Patient.id == bindparam("patient")).order_by(Enrolment.pathway)


@dataclass(frozen=True, slots=True)
class Found:
    """``team`` and ``place`` look after them. ``person`` is None for somebody who was forgotten; ``pinned``: pathways and versions;
    ``booked``: the day of the next visit; ``followed``: with the rules over them, where they were asked for.
    """

    patient: Patient
    team: CareTeam
    place: Organisation
    person: PersonVault | None
    pinned: tuple[tuple[str, str], ...]
    booked: date | None
    followed: Followed | None = None

    @property
    def pathways(self) -> tuple[str, ...]:
        return tuple(pathway for pathway, _ in self.pinned)


@dataclass(frozen=True, slots=True)
class Whence:
    """Where a patient is looked after. ``timezone``: the patient's; ``phone``: the centre's."""

    team: str
    centre: str
    phone: str
    timezone: str


@dataclass(frozen=True, slots=True)
class About:
    """Whom a request is about. ``person`` is None for somebody who was forgotten; ``pinned``: pathways and versions."""

    patient: Outline
    person: PersonVault | None
    pinned: tuple[tuple[str, str], ...]
    whence: Whence


_SEVERAL = (
    select(
        CareTeam.name,
        Organisation.name,
        Organisation.phone,
        PersonKey.wrapped,
        Enrolment.pathway,
        Enrolment.version,
        *Outline.columns(),
    )
    .select_from(Patient)
    .join(CareTeam, CareTeam.id == Patient.care_team_id)
    .join(Organisation, Organisation.id == CareTeam.organisation_id)
    .outerjoin(PersonKey, PersonKey.patient_id == Patient.id)
    .outerjoin(Enrolment, Enrolment.patient_id == Patient.id)
    .where(Patient.id.in_(bindparam("patients", expanding=True)))
    .order_by(Enrolment.pathway)
)


async def look_up_all(session: AsyncSession, vault: Vault, ids: Iterable[str]) -> dict[str, About]:
    """By id, whom requests are about; which requests the caller may see was decided before."""
    wanted = sorted(set(ids))
    rows = (await session.execute(_SEVERAL, {"patients": wanted})).all() if wanted else []
    found: dict[str, About] = {}
    for team, centre, phone, wrapped, pathway, version, *columns in rows:
        patient, pinned = Outline(*columns), ((pathway, version),) if pathway is not None else ()
        before = found.get(patient.id)
        if before is not None:
            found[patient.id] = replace(before, pinned=before.pinned + pinned)
            continue
        person = None if wrapped is None else vault.person(patient.id, wrapped)
        found[patient.id] = About(patient, person, pinned, Whence(team, centre, phone, patient.timezone))
    return found


async def look_up(session: AsyncSession, vault: Vault, scope: Scope, patient_id: str, *, rules: bool = False) -> Found | None:
    """The patient, if the caller may see them; a foreign patient looks like a missing one. ``rules``: with what is over them."""
    rows = (await session.execute(_one(rules), {"patient": patient_id})).all()
    if not rows or not scope.covers_team(rows[0][0].care_team_id):
        return None
    patient, team, place, wrapped, booked, *_ = rows[0]
    person = None if wrapped is None else vault.person(patient_id, wrapped)
    pinned = tuple((row[5], row[6]) for row in rows if row[5] is not None)
    followed = Followed.of(pinned, (place.id, place.parent_id, place.network_id), rows[0][7:]) if rules else None
    return Found(patient, team, place, person, pinned, booked, followed)
