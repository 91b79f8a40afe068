"""Who people are, how they are found, and how they are forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest
from some import NOW, VAULT, a_network, a_patient, a_profile
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.database import Database, migrate
from records.patient_list import PatientList
from records.patients import PROFILE, Patients, Profile
from records.scope import NETWORK, Scope, of_teams
from records.tables import Patient, PersonKey, PersonToken
from records.vault import WrongKey


async def _found(session: AsyncSession, scope: Scope, words: str) -> list[Patient]:
    page = await PatientList(session, VAULT).page(scope, words=words, limit=20)
    return [listed.patient for listed in page.items]


async def test_a_profile_comes_back_as_it_was_put_in(database: Database) -> None:
    profile = a_profile(carer="+8613900000099")
    async with database.begin() as session:
        await a_network(session)
        patient, _ = await a_patient(session, profile)
    async with database.reading() as session:
        patients = Patients(session, VAULT)
        there = await patients.get(patient.id)
        assert there is not None
        assert await patients.profile(there) == profile
        assert there.created == NOW


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (Profile(family="王", given="秀英", shown="王秀英"), ["王", "秀英", "王秀英", "王秀"]),
        (Profile(family="García", given="José María", shown="José María García"), ["garcia", "jose gar", "MARÍA", "Gar"]),
        (Profile(shown="Anna-Lena Groß"), ["lena", "anna", "anna-lena", "gross"]),
        (Profile(shown="Nobody", phone="+8613912345678"), ["+8613912345678", "+86 139 1234 5678"]),
        (Profile(shown="Nobody", carer_phone="+447911123456"), ["+447911123456"]),
    ],
)
async def test_somebody_is_found_by_any_part_of_the_name_or_a_phone(database: Database, profile: Profile, words: list[str]) -> None:
    async with database.begin() as session:
        await a_network(session)
        await a_patient(session, Profile(family="Other", given="Person", shown="Person Other", phone="+8613900000050"))
        patient, _ = await a_patient(session, profile)
    async with database.reading() as session:
        for asked in words:
            found = await _found(session, NETWORK, asked)
            assert [one.id for one in found] == [patient.id], asked


async def test_a_team_finds_and_sees_its_own_patients_only(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session, "team-1", "team-2")
        ours, _ = await a_patient(session, a_profile(1))
        theirs, _ = await a_patient(session, a_profile(2), team="team-2")
    scope = of_teams("health_manager", {"team-1"})
    async with database.reading() as session:
        patients = Patients(session, VAULT)
        assert [one.id for one in await _found(session, scope, "wang")] == [ours.id]
        assert await patients.in_scope(scope, theirs.id) is None
        assert await patients.in_scope(scope, ours.id) is not None
        assert len(await _found(session, NETWORK, "wang")) == 2


async def test_the_same_person_is_known_by_an_identifier_and_by_each_phone(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session)
        patient, _ = await a_patient(session, a_profile(1, carer="+8613900000099"))
    async with database.reading() as session:
        patients = Patients(session, VAULT)
        assert await patients.known_as(("mrn|999", "mrn|1")) == patient.id
        assert await patients.known_as(("mrn|2",)) is None
        assert await patients.known_as(()) is None
        assert [one.id for one in await patients.with_phone("+8613900000099")] == [patient.id]


async def test_a_changed_name_is_found_and_the_old_one_is_not(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session)
        patient, _ = await a_patient(session)
        await Patients(session, VAULT).update_profile(patient, a_profile(family="Zhao", shown="Xiuying Zhao"))
    async with database.reading() as session:
        patients = Patients(session, VAULT)
        assert len(await _found(session, NETWORK, "zhao")) == 1
        assert await _found(session, NETWORK, "wang") == []
        assert await patients.known_as(("mrn|1",)) == patient.id


async def test_somebody_forgotten_cannot_be_read_or_found_and_others_can(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session)
        gone, _ = await a_patient(session, a_profile(1))
        stays, _ = await a_patient(session, a_profile(2))
    async with database.begin() as session:
        await Patients(session, VAULT).forget(gone.id)
    async with database.reading() as session:
        patients = Patients(session, VAULT)
        row = await patients.get(gone.id)
        assert row is not None  # counts stay right
        with pytest.raises(LookupError, match="forgotten"):
            await patients.profile(row)
        other_key = await session.get_one(PersonKey, stays.id)
        with pytest.raises(WrongKey):
            VAULT.person(gone.id, other_key.wrapped)
        with pytest.raises(WrongKey):
            (await patients.vault_of(stays.id)).open(PROFILE, row.sealed)
        assert [one.id for one in await _found(session, NETWORK, "wang")] == [stays.id]
        assert await patients.known_as(("mrn|1",)) is None
        assert await session.scalar(select(func.count()).select_from(PersonToken).where(PersonToken.patient_id == gone.id)) == 0


async def test_nothing_personal_lies_in_the_database_file(tmp_path: Path) -> None:
    file = tmp_path / "cairn.db"
    database = Database.open(f"sqlite+aiosqlite:///{file}")
    await migrate(database)
    profile = Profile(
        family="Quetzalcoatl", given="Zébulon", shown="Zébulon Quetzalcoatl", phone="+8613987654321", identifiers=("mrn|XK-77",)
    )
    async with database.begin() as session:
        await a_network(session)
        await a_patient(session, profile)
        assert (await session.scalars(select(Patient))).all()
    await database.close()
    raw = everything_in(tmp_path)
    for word in ("Quetzalcoatl", "quetzalcoatl", "Zébulon", "zebulon", "13987654321", "XK-77", "1960-05-05"):
        assert word.encode() not in raw, word


def everything_in(folder: Path) -> bytes:
    return b"".join(part.read_bytes() for part in folder.iterdir())
