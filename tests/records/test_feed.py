"""A hospital behind a wall asks what is new, and neither misses a referral nor gets one twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date

import pytest
from some import NOW, a_network, a_patient, a_profile
from sqlalchemy.ext.asyncio import AsyncSession

from records.database import Database
from records.feed import Feed, as_it_was
from records.tables import Organisation, ReferralRow, RefillRow
from records.vault import PersonVault


async def places(session: AsyncSession, *ids: str) -> None:
    session.add_all(Organisation(id=place, kind="hospital", name=place, network_id="centre-1") for place in ids)
    await session.flush()


def referral(patient: str, person: PersonVault, n: int = 1, *, place: str = "h0") -> ReferralRow:
    key = f"referral#{n}/1"
    return ReferralRow(
        patient_id=patient,
        key=key,
        id=f"{patient}-{n}",
        referral=f"referral#{n}",
        place_id=place,
        urgency="routine",
        stage="requested",
        asked=NOW,
        changed=NOW,
        sealed=person.seal(f"referral/{key}", {"row": "HTN-R3", "inputs": {"sbp": 160}}),
    )


@pytest.fixture
async def people(database: Database) -> list[tuple[str, PersonVault]]:
    found = []
    async with database.begin() as session:
        await a_network(session)
        await places(session, "h0", "h1")
        for n in range(1, 9):
            patient, person = await a_patient(session, a_profile(n))
            found.append((patient.id, person))
    return found


async def test_who_asks_while_many_write_sees_every_number_once_and_in_order(
    database: Database, people: Iterable[tuple[str, PersonVault]]
) -> None:
    seen: list[int] = []
    written = asyncio.Event()

    async def write(patient: str, person: PersonVault) -> None:
        for n in range(1, 5):
            async with database.begin() as session:
                row = referral(patient, person, n)
                await Feed(session).came(row, person)
                await session.flush()
                await asyncio.sleep(0)  # let the others in between
            async with database.begin() as session:
                held = await session.get_one(ReferralRow, (patient, row.key))
                held.stage = "received"
                await Feed(session).moved(held, person)

    async def look() -> None:
        async with database.reading() as session:
            news = await Feed(session).after("h0", seen[-1] if seen else 0, limit=5)
        seen.extend(change.n for change in news)

    async def watch() -> None:
        while not written.is_set():
            await look()
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(write(patient, person) for patient, person in people))
    written.set()
    await watching
    for _ in range(20):
        await look()
    assert seen == list(range(1, 65))


async def test_a_change_that_is_undone_is_not_told_and_leaves_no_gap(
    database: Database, people: list[tuple[str, PersonVault]]
) -> None:
    patient, person = people[0]

    async def broken() -> None:
        async with database.begin() as session:
            await Feed(session).came(referral(patient, person), person)
            await session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await broken()
    async with database.begin() as session:
        await Feed(session).came(referral(patient, person, 2), person)
    async with database.reading() as session:
        assert [(change.n, change.request_id) for change in await Feed(session).after("h0", 0, limit=9)] == [(1, f"{patient}-2")]
        assert (await Feed(session).reached("h0"), await Feed(session).reached("h1")) == (1, 0)


async def test_each_version_can_be_read_as_it_was(database: Database, people: list[tuple[str, PersonVault]]) -> None:
    patient, person = people[0]
    refill = RefillRow(
        patient_id=patient,
        key="refill#1/1",
        id="r1",
        refill="refill#1",
        pharmacy_id="h1",
        stage="requested",
        asked=NOW,
        changed=NOW,
        runs_out=date(2025, 4, 1),
        sealed=person.seal("refill/refill#1/1", {"medicine": "losartan"}),
    )
    async with database.begin() as session:
        row = referral(patient, person)
        await Feed(session).came(row, person)
        await Feed(session).came(refill, person)
        row.stage, row.day = "booked", date(2025, 3, 9)
        await Feed(session).moved(row, person)
    async with database.reading() as session:
        newest, first = await Feed(session).of(f"{patient}-1")
        (asked,) = await Feed(session).of("r1")
    assert (newest.version, newest.stage, as_it_was(person, newest)["day"]) == (2, "booked", "2025-03-09")
    assert (first.version, first.stage, as_it_was(person, first)["day"]) == (1, "requested", None)
    assert as_it_was(person, first)["body"] == {"row": "HTN-R3", "inputs": {"sbp": 160}}
    assert (asked.kind, asked.place_id, asked.n, as_it_was(person, asked)["runs_out"]) == ("refill", "h1", 1, "2025-04-01")
