"""What a network lives through: Temporal away for hours, the database restarted under load, the Temporal cluster lost for good."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from postgres import NoPostgres, Postgres, serving
from spine.door import Door, the_door
from spine.people import pressure, somebody
from spine.stack import HURRIED, Stack, moment, standing, texts
from sqlalchemy import select

from activities.recovery import Recovery
from records.tables import EventRow, Patient
from workflows.contract import Pace

START = moment("2025-03-03", "09:00")
SOON = Pace(attempt_s=3.0, longest_wait_s=2.0)
MOST_ASKED = 60  # tries of one thing until the database is back


@asynccontextmanager
async def working(stack: Stack) -> AsyncIterator[None]:
    """Workers for every queue, in this process."""
    async with AsyncExitStack() as workers:
        for worker in stack.parts.workers(stack.client):
            await workers.enter_async_context(worker)
        yield


async def events_of(stack: Stack, kind: str) -> Counter[str]:
    """How often something is in each patient's log."""
    async with stack.parts.database.reading() as session:
        return Counter(await session.scalars(select(EventRow.patient_id).where(EventRow.kind == kind)))


async def accepted(stack: Stack) -> Counter[tuple[str, str]]:
    """How often each text was accepted by the provider, by phone and key; more than once is a person texted twice."""
    return Counter((sms.to, sms.key) for sms in await stack.sms())


async def stands(stack: Stack) -> dict[str, tuple[Any, ...]]:
    """How every patient stands."""
    async with stack.parts.database.reading() as session:
        rows = await session.execute(select(Patient.id, Patient.tag, Patient.life, Patient.reach, Patient.next_due))
        return {row.id: tuple(row) for row in rows}


async def test_what_is_told_while_temporal_is_away_for_hours_is_safe_and_acted_on_later(tmp_path: Path) -> None:
    async with standing(tmp_path, start=START, pace=SOON, task_timeout=HURRIED) as stack, the_door(stack) as door, working(stack):
        people = [await stack.enrol(somebody(n, supply=("amlodipine", date(2025, 2, 1), 30))) for n in range(1, 7)]
        await stack.settle()
        sent = await stack.sms()
        await stack.lose_server()
        waited: list[float] = []
        for hour, patient in enumerate(people, 1):
            await stack.move(START + timedelta(hours=hour))
            began = time.monotonic()
            told = await door.http.post(
                f"/patients/{patient}/visits",
                json={"readings": pressure(190, 112) if hour == 1 else pressure(128, 78)},
                headers=door.signed("manager"),
            )
            waited.append(time.monotonic() - began)
            assert (told.status_code, told.json()["acted_on"]) == (200, False), told.text
            assert (await door.http.get("/worklist", headers=door.signed("manager"))).status_code == 200
        assert sum(waited[1:]) < 5, f"a nurse waited {waited} s for a server that is away"
        assert await events_of(stack, "visit_completed") == Counter(people)
        assert await stack.sms() == sent

        await stack.bring_server_back()
        await stack.housekeeping.wake_due()
        await stack.settle()
        after = await stands(stack)
        assert [after[patient][1] for patient in people] == ["red"] + ["green"] * 5
        assert [task.kind for task in await stack.tasks(people[0], "confirm_referral")] == ["confirm_referral"]
        assert set((await accepted(stack)).values()) <= {1}
        for patient in people:
            visited = [reason for reason in await stack.timeline(patient) if reason.code == "decided"]
            assert len(visited) == 1, "the visit was decided on once"


async def test_a_cluster_that_is_lost_for_good_is_started_again_from_the_records(tmp_path: Path) -> None:
    async with standing(tmp_path, start=START, pace=SOON, task_timeout=HURRIED) as stack:
        async with working(stack):
            people = [await stack.enrol(somebody(n, supply=("amlodipine", date(2025, 2, 10), 30))) for n in range(1, 9)]
            await stack.live(moment("2025-04-20"))
        before, sent = await stands(stack), texts(await stack.sms())
        assert sent, "there was something that could be said twice"

        await stack.lose_server()
        await stack.bring_server_back(empty=True)
        recovery = Recovery(stack.parts.database, stack.waker)
        assert (await recovery.start_all()).started == len(people)
        async with working(stack):
            await stack.settle()
            assert await stands(stack) == before, "the same due dates"
            assert texts(await stack.sms()) == sent, "nothing is said twice"
            assert (await recovery.start_all()).started == 0, "a second time changes nothing"

            await stack.live(moment("2025-07-01"))
            assert set((await accepted(stack)).values()) == {1}
            assert len(texts(await stack.sms())) > len(sent), "life goes on"
            assert await stack.failed_workflow_tasks(people[0]) == []


@pytest.fixture
def safe_postgres() -> Iterator[Postgres]:
    """A server of the test's own: it is going to be killed."""
    try:
        with serving(safe=True) as running:
            yield running
    except NoPostgres as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@dataclass
class Nurse:
    """Records her visits one after the other, and repeats what was not answered, with the same key."""

    door: Door
    patients: list[str]
    answered: Counter[int] = field(default_factory=Counter)
    recorded: list[tuple[str, str]] = field(default_factory=list)
    half_way: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self, rounds: int) -> None:
        for n in range(rounds):
            for patient in self.patients:
                await self._record(patient, f"{patient}/{n}")

    async def _record(self, patient: str, key: str) -> None:
        for _ in range(MOST_ASKED):
            answer = await self.door.http.post(
                f"/patients/{patient}/readings",
                json={"readings": {"sbp": 131, "dbp": 81}, "source": "home"},
                headers={**self.door.signed("manager"), "Idempotency-Key": key},
            )
            self.answered[answer.status_code] += 1
            if answer.is_success:
                if len(self.recorded) % 5 == 4:
                    self.half_way.set()
                self.recorded.append((patient, answer.json()["event_id"]))
                return
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"]
            await asyncio.sleep(0.1)  # as the answer asked, only sooner
        raise AssertionError("the database did not come back")


async def test_a_database_that_is_restarted_under_load_loses_and_doubles_nothing(safe_postgres: Postgres, tmp_path: Path) -> None:
    safe_postgres.sql("CREATE DATABASE cairn")
    url = safe_postgres.url("cairn")
    async with (
        standing(tmp_path, start=START, pace=SOON, task_timeout=HURRIED, database_url=url) as stack,
        the_door(stack) as door,
        working(stack),
    ):
        people = [await stack.enrol(somebody(n)) for n in range(1, 13)]
        await stack.settle()
        nurses = [Nurse(door, people[n::4]) for n in range(4)]
        load = asyncio.gather(*(nurse.work(6) for nurse in nurses))
        for nurse in nurses[:3]:
            await nurse.half_way.wait()
            await asyncio.to_thread(safe_postgres.restart)
            nurse.half_way.clear()
        await load
        await stack.housekeeping.wake_due()
        await stack.settle()

        recorded = [one for nurse in nurses for one in nurse.recorded]
        assert len(recorded) == len(set(recorded)) == 12 * 6
        assert await events_of(stack, "reading_received") == Counter({patient: 6 for patient in people})
        assert sum((nurse.answered for nurse in nurses), Counter())[500] == 0
        assert set((await accepted(stack)).values()) <= {1}
