"""Records to begin with, for tests of the records."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from records.patients import NewPatient, Patients, Profile
from records.tables import CareTeam, Organisation, Patient
from records.vault import PersonVault, Vault

VAULT = Vault(bytes(range(32)))
NOW = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)


async def a_network(session: AsyncSession, *teams: str, capacity: int = 20) -> None:
    session.add(Organisation(id="centre-1", kind="centre", name="Centre", network_id="centre-1"))
    await session.flush()
    session.add_all(CareTeam(id=team, organisation_id="centre-1", name=team, capacity=capacity) for team in teams or ("team-1",))
    await session.flush()


def a_profile(
    n: int = 1, *, family: str = "Wang", given: str = "Xiuying", shown: str = "Xiuying Wang", **more: str | None
) -> Profile:
    return Profile(
        family=family,
        given=given,
        shown=shown,
        born=date(1960, 5, 5),
        phone=more.get("phone", f"+86139000000{n:02d}"),
        carer_phone=more.get("carer"),
        identifiers=(f"mrn|{n}",),
    )


async def a_patient(session: AsyncSession, profile: Profile | None = None, *, team: str = "team-1") -> tuple[Patient, PersonVault]:
    new = NewPatient(profile or a_profile(), team, "en", "Asia/Shanghai", {"hypertension": "v1"})
    return await Patients(session, VAULT).add(new, at=NOW)
