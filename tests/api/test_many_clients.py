"""Two hundred clients at once on one worklist, finishing, claiming and putting off the same tasks.

Temporal is away meanwhile (no waker): everything is stored, and acted on afterwards, in process.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from records.database import Database
from records.tables import EventRow, Patient, TaskRow
from tests.api.conftest import START, Network, a_network
from tests.api.serving import Served, served

CLIENTS, ROUNDS, PATIENTS, EACH = 200, 2, 12, 5
POOLS = 10
TODAY = START.date()
CALLERS = ("manager", "doctor", "centre-manager", "coordinator")
TAKES_LONG = 30.0  # seconds: two hundred wait for one core


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Network]:
    """The network over each kind of database."""
    async with a_network(database, tmp_path) as network:
        yield network


async def sixty_tasks(network: Network) -> list[tuple[str, str]]:
    """Open tasks of a dozen patients: (patient, key)."""
    patients = [await network.enrol(identifier=f"A-{n}", phone=f"+86138123456{n:02d}") for n in range(PATIENTS)]
    tasks = [(patient, f"task/call#{n}") for patient in patients for n in range(EACH)]
    async with network.parts.database.begin() as session:
        session.add_all(
            TaskRow(
                patient_id=patient,
                key=key,
                care_team_id="team-1",
                kind="phone_call",
                by="health_manager",
                pathway="hypertension",
                service="follow_up",
                urgent=False,
                due=TODAY,
                status="open",
                opened=START,
            )
            for patient, key in tasks
        )
    return tasks


async def client(it: Served, http: httpx.AsyncClient, number: int, tasks: list[tuple[str, str]]) -> Counter[tuple[str, int]]:
    """What one client was answered, by action and status."""
    dice, seen = random.Random(number), Counter[tuple[str, int]]()
    signed = {"Authorization": f"Bearer {CALLERS[number % len(CALLERS)]}"}
    for _ in range(ROUNDS):
        patient, key = dice.choice(tasks)
        until = (TODAY + timedelta(days=dice.randrange(1, 30))).isoformat()
        action = dice.choice(["complete", "complete", "claim", "postpone", "list"])
        if action == "list":
            answer = await http.get(f"{it.url}/api/v1/worklist", params={"team": "team-1", "limit": 5}, headers=signed)
        else:
            bodies: dict[str, dict[str, Any]] = {
                "complete": {"key": key, "outcome": dice.choice(["done", "reached"])},
                "claim": {"key": key, "take_over": dice.random() < 0.5},
                "postpone": {"key": key, "until": until, "reason": "no_time"},
            }
            answer = await http.post(f"{it.url}/api/v1/tasks/{patient}/{action}", json=bodies[action], headers=signed)
        seen[action, answer.status_code] += 1
    return seen


async def test_two_hundred_clients_at_once_end_each_task_once_and_see_no_fault_of_ours(place: Network) -> None:
    tasks = await sixty_tasks(place)
    async with served(replace(place.parts, waker=None)) as it, AsyncExitStack() as doors:
        # A few pools of connections: one of two hundred costs more than what is asked through it.
        pools = [await doors.enter_async_context(httpx.AsyncClient(timeout=TAKES_LONG)) for _ in range(POOLS)]
        http = pools[0]
        answers = await asyncio.gather(*(client(it, pools[number % POOLS], number, tasks) for number in range(CLIENTS)))
        seen = sum(answers, Counter[tuple[str, int]]())
        assert seen.total() == CLIENTS * ROUNDS
        assert {status for _, status in seen} <= {200, 409}, seen
        assert all(seen[action, 200] for action in ("complete", "claim", "postpone", "list")), seen
        assert seen["complete", 409], "some came too late, and were told so"
        await _agree(place, it, http, seen)
    await _acted_on(place, {patient for patient, _ in tasks})


async def _agree(place: Network, it: Served, http: httpx.AsyncClient, seen: Counter[tuple[str, int]]) -> None:
    """Each task has ended once, and the worklist shows exactly those that are left."""
    async with place.parts.database.reading() as session:
        rows = list(await session.scalars(select(TaskRow).where(TaskRow.kind == "phone_call")))
        closed = await session.scalar(select(func.count()).select_from(EventRow).where(EventRow.kind == "task_closed"))
        put_off = await session.scalar(select(func.count()).select_from(EventRow).where(EventRow.kind == "task_postponed"))
    done = {(row.patient_id, row.key) for row in rows if row.status == "done"}
    assert closed == len(done) > 0
    assert put_off == seen["postpone", 200]
    assert all(row.version > 1 for row in rows if row.status == "done" or row.claimed_by or row.postponed_to)
    for day in (TODAY, TODAY + timedelta(days=15), TODAY + timedelta(days=40)):
        query = {"team": "team-1", "limit": "500", "on": day.isoformat()}
        signed = {"Authorization": "Bearer manager"}
        work = (await http.get(f"{it.url}/api/v1/worklist", params=query, headers=signed)).json()
        shown = {(task["patient"]["id"], task["key"]) for task in work["tasks"] if task["kind"] == "phone_call"}
        left = [row for row in rows if row.status == "open" and (row.postponed_to is None or row.postponed_to <= day)]
        assert shown == {(row.patient_id, row.key) for row in left}


async def _acted_on(place: Network, patients: set[str]) -> None:
    """Once Temporal is back, every event is taken, and no task ends a second time."""
    async with place.parts.database.reading() as session:
        statuses = {(row.patient_id, row.key): row.status for row in await session.scalars(select(TaskRow))}
    for patient in sorted(patients):
        async with place.parts.database.reading() as session:
            row = await session.get_one(Patient, patient)
        await place.waker.settle(patient, next_step=row.last_step + 1)
    async with place.parts.database.reading() as session:
        behind = select(func.count()).select_from(Patient).where(Patient.last_event > Patient.taken_event)
        assert await session.scalar(behind) == 0
        now = {(row.patient_id, row.key): row.status for row in await session.scalars(select(TaskRow))}
    assert {task: now[task] for task in statuses if statuses[task] == "done"} == {
        task: "done" for task, status in statuses.items() if status == "done"
    }
