"""Housekeeping is done by one process at a time, never twice at once, and what has not run can be told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from records.database import Database
from records.lease import Lease
from records.tables import JobRow
from workers.keeping import Job, Keeper


@dataclass
class Frozen:
    now: datetime = field(default_factory=lambda: datetime(2026, 3, 2, 9, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now


def keeper(database: Database, time: Frozen, holder: str, run: Callable[[], Awaitable[str]]) -> tuple[Keeper, Job]:
    job = Job("figures", timedelta(minutes=5), run)
    lease = Lease(database, "housekeeping", holder=holder, system=time)
    return Keeper(lease, [job], system=time), job


async def noted(database: Database) -> dict[str, tuple[datetime, str]]:
    async with database.reading() as session:
        row = await session.get(JobRow, "figures")
        return {row.name: (row.succeeded, row.said)} if row else {}


async def done() -> str:
    return "teams 3"


async def test_of_two_processes_one_keeps_house_and_the_other_takes_over_when_it_is_gone(database: Database) -> None:
    time = Frozen()
    (first, job), (second, again) = keeper(database, time, "first", done), keeper(database, time, "second", done)
    assert await first.run(job)
    assert not await second.run(again)
    assert await noted(database) == {"figures": (time.now, "teams 3")}
    time.now += timedelta(minutes=2)
    assert await second.run(again)
    assert not await first.run(job)


async def test_a_job_never_overlaps_itself(database: Database) -> None:
    begun, go_on, runs = asyncio.Event(), asyncio.Event(), list[int]()

    async def slow() -> str:
        runs.append(1)
        begun.set()
        await go_on.wait()
        return "done"

    one, job = keeper(database, Frozen(), "first", slow)
    running = asyncio.create_task(one.run(job))
    await begun.wait()
    assert not await one.run(job)
    go_on.set()
    assert await running
    assert runs == [1]


async def test_who_loses_the_lease_stops_what_it_is_doing(database: Database) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def endless() -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "never"

    time = Frozen()
    (first, job), (second, again) = keeper(database, time, "first", endless), keeper(database, time, "second", done)
    running = asyncio.create_task(first.run(job))
    await begun.wait()
    time.now += timedelta(minutes=2)
    assert await second.run(again)
    assert not await first.renew()
    assert not await running
    assert stopped.is_set()


async def test_a_job_that_fails_is_not_noted_as_done_and_the_next_one_runs(database: Database) -> None:
    async def fails() -> str:
        raise RuntimeError("Anna Li, +8613900000001")

    one, job = keeper(database, Frozen(), "first", fails)
    assert not await one.run(job)
    assert await noted(database) == {}
    assert await one.run(Job("wake", timedelta(seconds=5), done))


async def test_when_it_stops_running_jobs_end_and_the_lease_is_free_at_once(database: Database) -> None:
    begun = asyncio.Event()

    async def slow() -> str:
        begun.set()
        await asyncio.sleep(0)
        return "done"

    first, _ = keeper(database, Frozen(), "first", slow)
    async with first.keeping():
        await begun.wait()
    second, job = keeper(database, Frozen(), "second", done)
    assert await second.run(job)
