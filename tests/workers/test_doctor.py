"""The doctor finds what is wrong, says how to mend it, and proves that workflows and records agree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from spine.people import somebody
from spine.stack import HURRIED, Stack, moment, standing
from sqlalchemy import update

from activities.waking import Waker
from records.clock import system_time
from records.lease import Lease
from records.tables import Delivery, JobRow, Patient, PersonKey
from records.vault import Vault
from workers.agreement import Agreement
from workers.chores import BACKUP, EVERY
from workers.commands.doctor import told
from workers.doctor import Doctor, Finding, grave
from workers.keeping import LEASE, note
from workers.process import serving_queues
from workflows.contract import patient_workflow_id

START = moment("2025-03-03", "09:00")


@asynccontextmanager
async def healthy(home: Path, people: int = 4) -> AsyncIterator[tuple[Stack, list[str]]]:
    """Some enrolled people on a real server, settled; workers serve, housekeeping has just run."""
    async with standing(home, start=START, task_timeout=HURRIED) as stack, serving_queues(stack.parts, stack.client):
        patients = [await stack.enrol(somebody(n)) for n in range(1, people + 1)]
        await stack.settle()
        assert await Lease(stack.parts.database, LEASE).take()
        async with stack.parts.database.begin() as session:
            for name in (*EVERY, BACKUP):
                await note(session, name, "", now=system_time())
        yield stack, patients


async def look(stack: Stack, vault: Vault | None = None) -> list[Finding]:
    parts = stack.parts if vault is None else replace(stack.parts, vault=vault)
    return await Doctor(parts, stack.client, stack.server.address).look()


def said(findings: list[Finding]) -> str:
    return "\n".join(f"{one.about}: {one.wrong}" for one in findings)


async def test_where_nothing_is_wrong_nothing_is_found(tmp_path: Path) -> None:
    async with healthy(tmp_path) as (stack, patients):
        assert await look(stack) == []
        found = await Agreement(stack.parts.database, stack.client, sample=None).compare()
        assert (found.patients, found.workflows, found.compared) == (len(patients),) * 3
        assert found.none
        assert not found.resting


async def test_every_planted_fault_is_found_with_its_remedy(tmp_path: Path) -> None:
    async with healthy(tmp_path, people=2) as (stack, patients):
        ago = system_time() - timedelta(days=2)
        async with stack.parts.database.begin() as session:
            late = {"next_due": START - timedelta(hours=1), "fault": "KeyError in assess.py"}
            await session.execute(update(Patient).where(Patient.id == patients[0]).values(**late))
            await session.execute(update(JobRow).where(JobRow.name.in_(("figures", BACKUP))).values(succeeded=ago))
            session.add_all(
                Delivery(patient_id=patients[1], key=f"m/{status}", kind="message", status=status, planned=at, sealed=b"")
                for status, at in (("unknown", START), ("planned", START - timedelta(hours=1)))
            )
        findings = await look(stack, vault=Vault(bytes(32)))
        assert grave(findings)
        assert all(one.remedy for one in findings)
        for words in (
            "master key: 2 people's data is under another master key",
            "patients: 1 patients have had something due for more than 5 minutes",
            "patients: the last step of 1 patients failed, the first of them with KeyError",
            "messages: of 1 messages nobody knows whether they went out",
            "messages: 1 deliveries have been waiting for more than 15 minutes",
            "housekeeping: the job figures last succeeded 48 hours ago",
            "backup: the last backup was made 48 hours ago",
        ):
            assert words in said(findings)


async def test_an_installation_without_workers_housekeeping_or_temporal_is_told_what_to_start(tmp_path: Path) -> None:
    async with standing(tmp_path, start=START) as stack:
        findings = await look(stack)
        assert "housekeeping: nobody keeps house" in said(findings)
        for queue in ("patients", "messages", "referrals", "refills"):
            assert Finding("temporal", f"no worker serves the queue {queue}", f"cairn worker --queue {queue}") in findings
        away = await Doctor(stack.parts, None, "127.0.0.1:9").look()
        assert "temporal: Temporal does not answer at 127.0.0.1:9" in said(away)
        other = stack.client.config()
        other["namespace"] = "nowhere"
        elsewhere = await Doctor(stack.parts, type(stack.client)(**other), stack.server.address).look()
        assert "temporal: Temporal has no namespace nowhere" in said(elsewhere)


async def test_who_lost_their_workflow_gets_it_back_and_a_workflow_of_nobody_ends(tmp_path: Path) -> None:
    async with healthy(tmp_path) as (stack, patients):
        missing, forgotten, ended, other = patients
        sent = await stack.sms()
        await stack.client.get_workflow_handle(patient_workflow_id(missing)).terminate()
        await Waker(stack.client).wake("of-nobody")
        async with stack.parts.database.begin() as session:
            await session.execute(update(Patient).where(Patient.id == ended).values(life="died", next_due=None))
            await session.execute(update(Patient).where(Patient.id == other).values(tag="violet"))
            await session.delete(await session.get_one(PersonKey, forgotten))
        agreement = Agreement(stack.parts.database, stack.client, sample=None)
        found = await agreement.compare()
        assert (found.missing, found.resting, found.otherwise) == ([missing], [ended], [other])
        assert set(found.orphans) == {forgotten, "of-nobody"}
        assert {one.wrong.split(":")[1].strip() for one in told(found) if "no workflow" in one.wrong} == {missing}
        assert await agreement.mend(found) == {"started": 1, "ended": 3, "woken": 1}
        async with stack.parts.database.begin() as session:
            await session.execute(update(Patient).where(Patient.id == other).values(tag="green"))
        await stack.settle()
        again = await agreement.compare()
        assert (again.missing, again.orphans, again.resting) == ([], [], [])
        assert await stack.sms() == sent, "nobody is texted by mending"


async def test_a_large_network_is_compared_in_pages_by_the_beginning_of_ids(tmp_path: Path) -> None:
    async with healthy(tmp_path, people=3) as (stack, patients):
        found = await Agreement(stack.parts.database, stack.client, sample=3, page=1).compare()
        assert (found.patients, found.workflows) == (len(patients), len(patients))
        assert found.none
