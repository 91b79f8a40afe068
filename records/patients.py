"""Patients: who they are (sealed), and how they are found.

Rule 1: the opaque id is the only name that leaves this layer towards Temporal, logs and traces.
Rule 2: the same person sent twice is one patient: identifiers are compared by keyed hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from records.number_marks import NumberMarks
from records.scope import Scope
from records.tables import CareTeam, Enrolment, NumberChange, Patient, PersonKey, PersonToken
from records.vault import PersonVault, Vault

PROFILE = "profile"
STATE = "state"


TITLES = {"female": "女士", "male": "先生"}


@dataclass(frozen=True, slots=True)
class Profile:
    """Who somebody is. Phones are E.164; ``identifiers`` are ``system|value``; ``channels``: ways to text them, the best first,
    empty for the network's order.
    """

    family: str = ""
    given: str = ""
    shown: str = ""
    born: date | None = None
    sex: str = "unknown"
    phone: str | None = None
    carer_phone: str | None = None
    carer_name: str = ""
    identifiers: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "born": self.born.isoformat() if self.born else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Profile:
        lists = {name: tuple(data.get(name, ())) for name in ("identifiers", "conditions", "notes", "channels")}
        born = data.get("born")
        return cls(**{**data, **lists, "born": date.fromisoformat(born) if born else None})

    @property
    def first_name(self) -> str:
        return self.given or self.shown or self.family

    def called(self, language: str) -> str:
        """How a text in ``language`` addresses them; nothing where only the whole name is known.

        In Chinese by family name and title: a bare given name is rude there, and says more.
        """
        chinese = language.startswith("zh") and all("\u4e00" <= letter <= "\u9fff" for letter in self.family or "-")
        return self.family + TITLES[self.sex] if chinese and self.sex in TITLES else self.given


@dataclass(frozen=True, slots=True)
class Outline:
    """Of a patient's row, what a list shows; the sealed state, which is most of it, stays where it is."""

    id: str
    care_team_id: str
    language: str
    timezone: str
    sealed: bytes
    life: str
    reach: str
    tag: str | None
    next_due: datetime | None
    follow_up_due: date | None
    last_visit: date | None

    @classmethod
    def columns(cls) -> tuple[InstrumentedAttribute[Any], ...]:
        """What it is read from, in its order."""
        return tuple(getattr(Patient, one.name) for one in fields(cls))


@dataclass(frozen=True, slots=True)
class Stated(Outline):
    """An outline with the sealed state."""

    state: bytes | None


@dataclass(frozen=True, slots=True)
class NewPatient:
    """A person about to be enrolled."""

    profile: Profile
    care_team_id: str
    language: str
    timezone: str
    pathways: Mapping[str, str] = field(default_factory=dict)  # pathway to version


@dataclass(frozen=True, slots=True)
class Held:
    """A patient's row and what opens it, within one transaction."""

    patient: Patient
    person: PersonVault


@dataclass(frozen=True)
class Patients:
    """Patients of one transaction."""

    session: AsyncSession
    vault: Vault
    _opened: dict[str, PersonVault] = field(default_factory=dict, repr=False, compare=False)

    async def known_as(self, identifiers: tuple[str, ...]) -> str | None:
        """The patient who has one of these identifiers."""
        tokens = [self.vault.token("identifier", identifier) for identifier in identifiers]
        found = select(PersonToken.patient_id).where(PersonToken.kind == "identifier", PersonToken.token.in_(tokens))
        return (await self.session.scalars(found.limit(1))).first()

    async def alone(self, identifiers: tuple[str, ...]) -> None:
        """Until this transaction ends nobody else stores somebody with one of these: of two who are sent at once, one is stored.

        PostgreSQL's; SQLite lets one transaction write at a time.
        """
        if self.session.get_bind().dialect.name == "postgresql":
            tokens = sorted({self.vault.token("identifier", one)[:8] for one in identifiers})
            for token in tokens:
                await self.session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(token, signed=True))))

    async def add(self, new: NewPatient, *, at: datetime) -> tuple[Patient, PersonVault]:
        """Store a new patient with a key of their own."""
        patient_id = uuid4().hex
        person, wrapped = self.vault.new_person(patient_id)
        patient = Patient(
            id=patient_id,
            care_team_id=new.care_team_id,
            language=new.language,
            timezone=new.timezone,
            sealed=person.seal(PROFILE, new.profile.to_json()),
            created=at,
            last_step=0,
            last_event=0,
            taken_event=0,
            life="not_enrolled",
            reach="reachable",
        )
        self.session.add(patient)
        await self.session.flush()
        self.session.add(PersonKey(patient_id=patient_id, master=self.vault.name, wrapped=wrapped))
        self.session.add_all(
            Enrolment(patient_id=patient_id, pathway=pathway, version=version, since=at)
            for pathway, version in new.pathways.items()
        )
        self._index(patient_id, new.profile)
        return patient, person

    async def update_profile(self, patient: Patient, profile: Profile) -> None:
        """Replace what is known of the person, and how they are found."""
        person = await self.vault_of(patient.id)
        before = profile_in(patient, person)
        marks = NumberMarks(self.session)
        for who, was, is_now in (
            ("patient", before.phone, profile.phone),
            ("carer", before.carer_phone, profile.carer_phone),
        ):
            if was != is_now:  # what was learnt of the old number says nothing of the new one
                await marks.lift(patient.id, who)
        patient.sealed = person.seal(PROFILE, profile.to_json())
        await self.session.execute(delete(PersonToken).where(PersonToken.patient_id == patient.id))
        self._index(patient.id, profile)

    def _index(self, patient_id: str, profile: Profile) -> None:
        names = {"family": profile.family, "given": profile.given, "shown": profile.shown}
        tokens = {("name", token) for token in self.vault.name_tokens(names)}
        tokens |= {("phone", self.vault.token("phone", phone)) for phone in (profile.phone, profile.carer_phone) if phone}
        tokens |= {("identifier", self.vault.token("identifier", identifier)) for identifier in profile.identifiers}
        self.session.add_all(PersonToken(kind=kind, token=token, patient_id=patient_id) for kind, token in sorted(tokens))

    async def vault_of(self, patient_id: str) -> PersonVault:
        """The person's own key. Raises LookupError when the person was forgotten."""
        if patient_id not in self._opened:
            row = await self.session.get(PersonKey, patient_id)
            if row is None:
                raise LookupError("this person was forgotten")
            self._opened[patient_id] = self.vault.person(patient_id, row.wrapped)
        return self._opened[patient_id]

    async def held(self, patient_id: str) -> Held | None:
        """The patient, held against anybody else's change, with their key; None when missing or forgotten."""
        query = (
            select(Patient, PersonKey.wrapped)
            .join(PersonKey, PersonKey.patient_id == Patient.id)
            .where(Patient.id == patient_id)
            .with_for_update(of=Patient)
            .execution_options(populate_existing=True)
        )
        row = (await self.session.execute(query)).one_or_none()
        if row is None:
            return None
        self._opened[patient_id] = self.vault.person(patient_id, row.wrapped)
        return Held(row.Patient, self._opened[patient_id])

    async def profile(self, patient: Patient) -> Profile:
        """Who the patient is."""
        return profile_in(patient, await self.vault_of(patient.id))

    async def get(self, patient_id: str, *, lock: bool = False) -> Patient | None:
        """The patient's row, locked against a second step where asked."""
        return await self.session.get(Patient, patient_id, with_for_update=lock or None)

    async def in_scope(self, scope: Scope, patient_id: str) -> Patient | None:
        """The patient, if the caller may see them; a foreign patient looks like a missing one."""
        patient = await self.get(patient_id)
        return patient if patient is not None and scope.covers_team(patient.care_team_id) else None

    async def with_phone(self, phone: str) -> list[Patient]:
        """All patients whose own or carer's phone this is."""
        having = select(PersonToken.patient_id).where(
            PersonToken.kind == "phone", PersonToken.token == self.vault.token("phone", phone)
        )
        return list(await self.session.scalars(select(Patient).where(Patient.id.in_(having)).order_by(Patient.id)))

    async def forget(self, patient_id: str) -> None:
        """Delete the person's key and every token: what is sealed can never be opened again."""
        await self.session.execute(delete(PersonToken).where(PersonToken.patient_id == patient_id))
        await self.session.execute(delete(PersonKey).where(PersonKey.patient_id == patient_id))
        await self.session.execute(delete(NumberChange).where(NumberChange.patient_id == patient_id))

    async def care_team(self, patient: Patient) -> CareTeam:
        """The team that looks after the patient."""
        return await self.session.get_one(CareTeam, patient.care_team_id)

    async def count(self) -> int:
        """How many patients there are."""
        return (await self.session.scalar(select(func.count()).select_from(Patient))) or 0


def profile_in(patient: Patient | Outline, person: PersonVault) -> Profile:
    """Who the patient is, opened with their own key."""
    return Profile.from_json(person.open(PROFILE, patient.sealed))
