"""What housekeeping does: every job on a real server, what it counts, what it forgets, and what it refuses to call well."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from spine.people import somebody
from spine.stack import HURRIED, moment, standing
from sqlalchemy import select

from records.audit import Entry
from records.clock import system_time
from records.tables import ApiKey, Figures, Idempotency, JobRow, UsedAssertion
from records.vault import Vault
from workers.chores import EVERY, AuditBroken, Chores
from workers.network import DEFAULT_TEAM
from workers.process import serving_queues
from workflows.contract import patient_workflow_id

START = moment("2025-03-03", "09:00")


async def test_every_job_succeeds_and_is_noted_and_a_team_finds_its_counts(tmp_path: Path) -> None:
    async with standing(tmp_path, start=START, task_timeout=HURRIED) as stack, serving_queues(stack.parts, stack.client):
        patients = [await stack.enrol(somebody(n)) for n in range(1, 4)]
        await stack.settle()
        await stack.client.get_workflow_handle(patient_workflow_id(patients[0])).terminate()
        keeper = Chores.of(stack.parts, stack.client).keeper()
        assert [await keeper.run(job) for job in keeper.jobs] == [True] * len(EVERY)
        async with stack.parts.database.reading() as session:
            noted = {row.name: row.said for row in await session.scalars(select(JobRow))}
            figures = await session.get_one(Figures, DEFAULT_TEAM)
        assert noted.keys() == EVERY.keys()
        assert noted["integrity"] == "looked at 3, broken 1, started 1, faults 0"
        assert figures.body["patients_by_life"] == {"active": 3}
        assert sum(figures.body["patients_by_tag"].values()) == 3


async def test_where_weeks_hop_by_they_are_counted_within_seconds_and_so_are_the_texts_that_arrived(tmp_path: Path) -> None:
    async with standing(tmp_path, start=START, task_timeout=HURRIED) as stack, serving_queues(stack.parts, stack.client):
        await stack.enrol(somebody())
        await stack.live(until := START + timedelta(days=20))
        chores = Chores.of(stack.parts, stack.client)
        keeper = chores.keeper(driven=True)
        counting = next(job for job in keeper.jobs if job.name == "figures")
        assert counting.every < timedelta(minutes=1) <= EVERY["figures"]
        assert await keeper.run(counting)
        async with stack.parts.database.reading() as session:
            figures = await session.get_one(Figures, DEFAULT_TEAM)
        texts = figures.body["texts"]
        assert figures.at == until
        assert texts["arrived"] == texts["handed"] == len(await stack.sms()) > 0


async def test_what_is_old_is_forgotten_and_what_is_to_be_accounted_for_stays(tmp_path: Path) -> None:
    async with standing(tmp_path, start=START) as stack:
        now = system_time()
        async with stack.parts.database.begin() as session:
            session.add_all(
                Idempotency(caller="tablet", key=key, fingerprint="f", at=now - timedelta(days=days))
                for key, days in (("old", 31), ("new", 29))
            )
            long_ago = now - timedelta(days=400)
            key = {"name": "k", "role": "doctor", "place": "*", "created": long_ago, "expires": long_ago}
            session.add(ApiKey(hash="1" * 64, id="api-key", **key))
            session.add_all(UsedAssertion(issuer="i", jti=str(ago), expires=now - timedelta(hours=ago)) for ago in (2, 0))
        assert await Chores.of(stack.parts, stack.client).expire() == "done"
        async with stack.parts.database.reading() as session:
            assert list(await session.scalars(select(Idempotency.key))) == ["new"]
            assert list(await session.scalars(select(UsedAssertion.jti))) == ["0"]
            assert list(await session.scalars(select(ApiKey.id).where(ApiKey.id == "api-key"))) == ["api-key"]


async def test_an_audit_log_that_does_not_hold_is_never_noted_as_checked(tmp_path: Path) -> None:
    async with standing(tmp_path, start=START) as stack:
        chores = Chores.of(stack.parts, stack.client)
        await chores.log.write(Entry("tablet", "doctor", "*", "patients.read", patients=["p"]))
        assert (await chores.audit()).startswith("entries 1, chains 1")
        stranger = replace(stack.parts, vault=Vault(bytes(32)))
        other = Chores.of(stranger, stack.client)
        with pytest.raises(AuditBroken, match="cairn audit verify"):
            await other.audit()
        assert stranger.seeing.metrics.registry.get_sample_value("cairn_audit_breaks") > 0
        keeper = other.keeper()
        assert not await keeper.run(next(job for job in keeper.jobs if job.name == "audit"))
