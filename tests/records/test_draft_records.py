"""A draft's life, its deeds and a version's end, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from some import NOW, a_network, a_patient
from sqlalchemy import func, select

from records.database import Database
from records.deeds import Deeds
from records.drafts import Drafts, NotNow, OwnWork, version_of
from records.pathways import PublishedPathways, Retired, StillFollowed
from records.tables import PathwayDeed, PathwayDraft, PathwayVersion, Rollout, RolloutPatient

ANN, BEA, CAI = "ann", "bea", "cai"


@asynccontextmanager
async def _as(database: Database, who: str, *, minutes: int = 0) -> AsyncIterator[Drafts]:
    async with database.begin() as session:
        yield Drafts(session, who, NOW + timedelta(minutes=minutes))


async def _begun(database: Database, text: str = "one") -> str:
    async with _as(database, ANN) as drafts:
        return (await drafts.begin("asthma", text, based_on="", why="first")).id


async def _on(drafts: Drafts, draft_id: str) -> PathwayDraft:
    draft = await drafts.one(draft_id, alone=True)
    assert draft is not None
    return draft


async def test_what_is_approved_is_the_text_to_the_letter(database: Database) -> None:
    draft_id = await _begun(database)
    async with _as(database, ANN) as drafts:
        drafts.checked(draft := await _on(drafts, draft_id), clean=True)
        with pytest.raises(OwnWork):
            await drafts.approve(draft, why="")
    async with _as(database, BEA) as drafts:
        await drafts.approve(draft := await _on(drafts, draft_id), why="good")
        drafts.ready(draft, four_eyes=True)
        draft.text = "two"  # as if somebody had written into the database
        with pytest.raises(NotNow, match="not the one that was checked"):
            drafts.ready(draft, four_eyes=True)
        draft.text = "one"
    async with _as(database, CAI, minutes=1) as drafts:
        drafts.edit(draft := await _on(drafts, draft_id), "two", based_on=None, why="")
        assert (draft.status, draft.approved_by, draft.edit, draft.version) == ("draft", "", 2, version_of("two"))
        with pytest.raises(NotNow, match="Check it first"):
            drafts.ready(draft, four_eyes=False)
        drafts.checked(draft, clean=True)
        drafts.ready(draft, four_eyes=False)
        with pytest.raises(NotNow, match="second person"):
            drafts.ready(draft, four_eyes=True)
    async with _as(database, CAI) as drafts:
        with pytest.raises(OwnWork):  # who edited it last
            await drafts.approve(await _on(drafts, draft_id), why="")
    async with _as(database, BEA) as drafts:
        await drafts.approve(draft := await _on(drafts, draft_id), why="")
        await drafts.approve(draft, why="told twice")
        drafts.checked(draft, clean=False)  # by a newer Cairn
        assert (draft.status, draft.approved_by) == ("draft", "")
        drafts.discard(draft, why="no")
        with pytest.raises(NotNow, match="discarded"):
            drafts.send_back(draft, why="")
        with pytest.raises(NotNow, match="discarded"):
            drafts.edit(draft, "x", based_on=None, why="")
    async with database.reading() as session:
        page = await Deeds(session).page("asthma", limit=50)
        assert [(deed.did, deed.by) for deed in reversed(page.items)] == [
            *[("drafted", ANN), ("checked", ANN), ("approved", BEA), ("edited", CAI), ("checked", CAI), ("approved", BEA)],
            ("discarded", BEA),
        ]


async def test_of_two_edits_at_once_the_second_sees_the_first(database: Database) -> None:
    draft_id = await _begun(database)

    async def edit(text: str) -> int:
        async with _as(database, BEA) as drafts:
            draft = await _on(drafts, draft_id)
            drafts.edit(draft, text, based_on=None, why="")
            return draft.edit

    assert sorted(await asyncio.gather(*(edit(str(n)) for n in range(4)))) == [2, 3, 4, 5]


async def test_drafts_come_in_pages_by_their_last_change(database: Database) -> None:
    ids = []
    for n in range(5):
        async with _as(database, ANN, minutes=n // 2) as drafts:
            ids.append((await drafts.begin("asthma", str(n), based_on="", why="")).id)
    found: list[str] = []
    after: str | None = None
    async with database.reading() as session:
        while True:
            page = await Drafts(session).page("asthma", status="draft", limit=2, after=after)
            found += [draft.id for draft in page.items]
            after = page.next
            if after is None:
                break
        assert (await Drafts(session).page("copd", status=None, limit=2)).items == []
    assert sorted(found) == sorted(ids)
    assert found[0] == ids[4]


async def test_a_change_that_is_not_stored_leaves_no_deed(database: Database) -> None:
    async def begun_and_cut_off() -> None:
        async with _as(database, ANN) as drafts:
            await drafts.begin("asthma", "one", based_on="", why="")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await begun_and_cut_off()
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(PathwayDeed)) == 0


async def test_a_version_that_anybody_is_on_or_on_the_way_to_is_not_retired(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session)
        patient, _ = await a_patient(session)  # on hypertension v1
        patient.life = "active"
        published = PublishedPathways(session)
        for version in ("v1", "v2"):
            await published.publish("hypertension", version, version, by=ANN, at=NOW)

    async def retire(version: str) -> None:
        async with database.begin() as session:
            await PublishedPathways(session).retire("hypertension", version, by=ANN, at=NOW, why="old")

    with pytest.raises(StillFollowed, match="New enrolments follow"):
        await retire("v2")
    with pytest.raises(StillFollowed, match="1 patient is on this version"):
        await retire("v1")
    async with database.begin() as session:
        (await session.get_one(type(patient), patient.id)).life = "died"
        session.add(_a_rollout("back", "running"))
    with pytest.raises(StillFollowed, match="Stop it"):
        await retire("v1")
    async with database.begin() as session:
        (await session.get_one(Rollout, "back")).status = "done"
        waiting = RolloutPatient(rollout_id="back", patient_id=patient.id, came_from="v2", fit="clean", status="waiting", at=NOW)
        session.add(waiting)
    with pytest.raises(StillFollowed, match="safe point"):
        await retire("v1")
    async with database.begin() as session:
        (await session.get_one(RolloutPatient, ("back", patient.id))).status = "gone"
    await retire("v1")
    await retire("v1")
    async with database.begin() as session:
        assert (await session.get_one(PathwayVersion, "v1")).retired == NOW
        with pytest.raises(Retired):
            await PublishedPathways(session).make_current("hypertension", "v1", by=ANN, at=NOW)
        with pytest.raises(LookupError):
            await PublishedPathways(session).retire("hypertension", "v9", by=ANN, at=NOW, why="")
        deeds = [deed.did for deed in (await Deeds(session).page("hypertension", limit=9)).items]
    assert deeds == ["retired", "published", "published"]


def _a_rollout(rollout_id: str, status: str) -> Rollout:
    return Rollout(
        id=rollout_id,
        pathway="hypertension",
        version="v1",
        policy="safe_point",
        mapping={},
        batch=10,
        pause_s=0,
        status=status,
        by=ANN,
        started=NOW,
    )


async def test_a_version_is_found_by_the_beginning_of_its_hash(database: Database) -> None:
    async with database.begin() as session:
        published = PublishedPathways(session)
        for version in ("0a1b", "0a2c", "77"):
            await published.publish("asthma", version, version, by=ANN, at=NOW)
        assert await published.starting_with("asthma", "0a1") == ["0a1b"]
        assert await published.starting_with("asthma", "0a") == ["0a1b", "0a2c"]
        assert await published.starting_with("asthma", "%") == []
        assert await published.starting_with("copd", "77") == []
