"""Patients as the API and the pages show them: the record, its sealed state, and the plan it follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.plans import Plans, UnknownVersion
from api.models.base import PersonBrief, ReadingAsked
from api.models.patients import KnownOut, OpenReferral, PatientDetail, PatientOut, ServiceOut, SupplyOut
from api.models.work import VisitOut
from api.showing.adherence import show_adherence
from api.showing.words import in_language
from pathways.engine.plan import Pathway, Plan
from pathways.engine.state import State
from pathways.serial import OldSchema, load_state
from records.looking_up import About, Found, look_up_all
from records.patient_list import Listed, PatientList
from records.patients import STATE, Profile, Stated, profile_in
from records.tables import Enrolment, Patient
from records.vault import PersonVault, Vault

UNKNOWN = Profile()


@dataclass
class Showing:
    """Opens what one page shows, within one transaction; each patient's plan and state once."""

    session: AsyncSession
    vault: Vault
    plans: Plans
    language: str = "en"
    _vaults: dict[str, PersonVault | None] = field(default_factory=dict)
    _pinned: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _states: dict[str, State | None] = field(default_factory=dict)
    _plans: dict[str, Plan] = field(default_factory=dict)
    _made: dict[tuple[tuple[str, str], ...], Plan] = field(default_factory=dict)  # by what is followed: many follow the same
    _about: dict[str, About] = field(default_factory=dict)

    async def reads(self, ids: Iterable[str]) -> None:
        """Read at once what showing these patients needs: a page of fifty would ask two hundred times otherwise."""
        new = [patient_id for patient_id in dict.fromkeys(ids) if patient_id not in self._vaults]
        if not new:
            return
        self._vaults |= dict.fromkeys(new) | await PatientList(self.session, self.vault).vaults(new)
        self._pinned |= {patient_id: [] for patient_id in new}
        pinned = select(Enrolment.patient_id, Enrolment.pathway, Enrolment.version).where(Enrolment.patient_id.in_(new))
        for patient_id, pathway, version in await self.session.execute(pinned.order_by(Enrolment.pathway)):
            self._pinned[patient_id].append((pathway, version))

    async def about(self, ids: Iterable[str]) -> Mapping[str, About]:
        """Whom requests are about, read at once and once; which requests the caller may see was decided before."""
        new = [patient_id for patient_id in ids if patient_id not in self._about]
        if new:
            found = await look_up_all(self.session, self.vault, new)
            self._about |= found
            self.holds({id_: one.person for id_, one in found.items()}, {id_: list(one.pinned) for id_, one in found.items()})
        return self._about

    def holds(self, vaults: Mapping[str, PersonVault | None], pinned: Mapping[str, list[tuple[str, str]]]) -> None:
        """What was read of these patients already: what opens their records, and their pathways with the versions, by name."""
        self._vaults |= vaults
        self._pinned |= pinned

    def knows(self, found: Found) -> None:
        """Somebody who was looked up already is not read again."""
        self.holds({found.patient.id: found.person}, {found.patient.id: list(found.pinned)})

    async def many(self, patients: Sequence[Patient]) -> list[PatientOut]:
        """As a list shows them, in their order."""
        return [brief(listed) for listed in await PatientList(self.session, self.vault).listed(patients)]

    def found(self, found: Found) -> tuple[PatientOut, Profile | None]:
        """One patient as a list shows them, and who it is."""
        self.knows(found)
        profile = None if found.person is None else profile_in(found.patient, found.person)
        return brief(Listed(found.patient, profile, found.pathways, found.booked)), profile

    async def detail(self, patient: Patient, *, today: date | None = None) -> PatientDetail:
        """One patient with everything that is due, at home, asked for and known, and on ``today`` the share of days covered."""
        (listed,) = await PatientList(self.session, self.vault).listed([patient])
        state = await self.state(patient) or State(patient=patient.id)
        person = await self.vault_of(patient.id)
        adherence = await show_adherence(self.session, patient, person, today, self.language) if today is not None else []
        return PatientDetail(
            **brief(listed).model_dump(),
            carer_phone=listed.profile.carer_phone if listed.profile else None,
            services=services(state),
            supplies=[
                SupplyOut(medicine=s.medicine, ends=s.ends, stage=s.stage, instead_of=s.instead_of or None)
                for s in state.supplies.values()
            ],
            adherence=adherence,
            referrals=[
                OpenReferral(key=key, urgency=referral.urgency, stage=referral.stage, day=referral.day)
                for key, referral in state.referrals.items()
            ],
            readings={name: KnownOut(value=known.value, on=known.on) for name, known in sorted(state.readings.items())},
        )

    async def visit(self, patient: Patient, shown: PatientOut) -> VisitOut:
        """A visit that is expected, and what every pathway of the patient collects at it."""
        state = await self.state(patient)
        plan = await self.plan(patient.id)
        confirmed = state is not None and any(s.confirmed for s in services(state) if s.day == shown.visit_day)
        return VisitOut(
            patient=shown,
            pathways=shown.pathways,
            collects=self.asked(at_follow_up(plan)),
            day=shown.visit_day or patient.created.date(),
            confirmed=confirmed,
        )

    def asked(self, names: Iterable[tuple[Pathway, str]]) -> list[ReadingAsked]:
        """What is to be measured or asked, each reading once."""
        found: dict[str, ReadingAsked] = {}
        for pathway, name in names:
            reading = pathway.readings.get(name)
            if reading is None:
                found.setdefault(name, ReadingAsked(name=name, kind="number", label=name))
                continue
            found.setdefault(
                name,
                ReadingAsked(
                    name=name,
                    kind=reading.kind,
                    unit=reading.unit,
                    choices=list(reading.choices),
                    label=in_language(reading.label, self.language) or name,
                ),
            )
        return list(found.values())

    async def person(self, patient: Patient) -> tuple[PersonBrief, Profile]:
        """Who a task or a request is about."""
        await self.reads([patient.id])
        person = self._vaults[patient.id]
        profile = None if person is None else profile_in(patient, person)
        return PersonBrief(id=patient.id, name=name_of(profile), tag=patient.tag), profile or UNKNOWN

    async def plan(self, patient_id: str) -> Plan:
        """The plan that the patient is pinned to; empty where a version does not compile any more."""
        if patient_id not in self._plans:
            await self.reads([patient_id])
            followed = tuple(self._pinned[patient_id])
            if followed not in self._made:
                try:
                    self._made[followed], _ = await self.plans.made_of(self.session, followed)
                except UnknownVersion:
                    self._made[followed] = Plan({})
            self._plans[patient_id] = self._made[followed]
        return self._plans[patient_id]

    async def state(self, patient: Patient | Stated) -> State | None:
        """What the engine knows of the patient; None before the first step, and for a person who was forgotten."""
        if patient.id not in self._states:
            self._states[patient.id] = await self._open(patient)
        return self._states[patient.id]

    async def _open(self, patient: Patient | Stated) -> State | None:
        if patient.state is None:
            return None
        await self.reads([patient.id])
        person = self._vaults[patient.id]
        if person is None:
            return None
        try:
            return load_state(person.open_bytes(STATE, patient.state))
        except OldSchema:
            return None  # the next step folds it again

    async def vault_of(self, patient_id: str) -> PersonVault | None:
        """What opens the patient's records; None for a person who was forgotten."""
        await self.reads([patient_id])
        return self._vaults[patient_id]


def brief(listed: Listed) -> PatientOut:
    """As a list shows them."""
    patient, profile = listed.patient, listed.profile or UNKNOWN
    return PatientOut(
        id=patient.id,
        name=name_of(listed.profile),
        sex=profile.sex,
        born=profile.born,
        phone=profile.phone,
        language=patient.language,
        timezone=patient.timezone,
        care_team=patient.care_team_id,
        tag=patient.tag,
        life=patient.life,
        reach=patient.reach,
        pathways=list(listed.pathways),
        next_due=patient.next_due,
        visit_day=listed.visit_day,
    )


def at_follow_up(plan: Plan) -> list[tuple[Pathway, str]]:
    """What every pathway of a plan collects at a follow-up: the reading's name, and whose it is."""
    return [
        (pathway, name)
        for pathway in plan.pathways.values()
        for service in pathway.services.values()
        if service.kind == "follow_up"
        for name in service.collects
    ]


def name_of(profile: Profile | None) -> str | None:
    """The name as it is shown."""
    return None if profile is None else profile.shown or f"{profile.given} {profile.family}".strip()


def services(state: State) -> list[ServiceOut]:
    """Everything that recurs, by the day it is expected."""
    found = [
        ServiceOut(
            pathway=pathway,
            service=name,
            due=occurrence.due,
            day=occurrence.day,
            confirmed=occurrence.confirmed,
            last=occurrence.last,
        )
        for pathway, course in state.courses.items()
        for name, occurrence in course.services.items()
    ]
    return sorted(found, key=lambda service: (service.day, service.pathway, service.service))
