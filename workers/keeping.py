"""Housekeeping as a process: jobs by APScheduler, done by one process of the installation at a time.

Rule 1: a job runs only while this process holds the lease; a process that loses it stops what it is doing.
Rule 2: a job never overlaps itself; runs that were missed are one run; a job that fails is tried again at its next turn.
Rule 3: when each job last succeeded is a row, so that anybody can say which has not run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.seeing import Seeing
from activities.seeing.fields import fault_of
from records.clock import system_time
from records.database import Database
from records.lease import Lease
from records.tables import JobRow

LEASE = "housekeeping"
RENEWED_EVERY = timedelta(seconds=15)
#: A job that runs every few seconds is noted this often; nobody needs it more exactly.
NOTED_EVERY = timedelta(seconds=20)
FINISHES_WITHIN = 1.5  # seconds that running jobs are given when the process stops; each can be cut off and run again
LONGEST_SAID = 200


@dataclass(frozen=True)
class Job:
    """``run`` answers what came of it, in codes and counts."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[str]]


@dataclass
class Keeper:
    """Runs ``jobs`` while it holds ``lease``."""

    lease: Lease
    jobs: Sequence[Job]
    seeing: Seeing = field(default_factory=Seeing)
    system: Callable[[], datetime] = system_time
    _running: dict[str, asyncio.Task[str]] = field(default_factory=dict, repr=False)
    _noted: dict[str, datetime] = field(default_factory=dict, repr=False)
    _stopping: bool = field(default=False, repr=False)
    _keeps: bool | None = field(default=None, repr=False)

    @property
    def database(self) -> Database:
        return self.lease.database

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Keep house until the block ends; running jobs are given some seconds to finish, and the lease is given back."""
        scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        )
        await self.renew()
        first = await self._first_runs()
        scheduler.add_job(self.renew, "interval", seconds=RENEWED_EVERY.total_seconds())
        for job in self.jobs:
            scheduler.add_job(
                self.run, "interval", seconds=job.every.total_seconds(), args=[job], id=job.name, next_run_time=first[job.name]
            )
        scheduler.start()
        try:
            yield
        finally:
            self._stopping = True
            scheduler.pause()
            await self._finish(FINISHES_WITHIN)
            scheduler.shutdown(wait=False)
            with contextlib.suppress(Exception):  # a database that is away lets the lease run out by itself
                async with asyncio.timeout(1):
                    await self.lease.release()

    async def renew(self) -> bool:
        """Take or renew the lease; whoever has lost it stops at once. True while it is ours."""
        try:
            ours = await self.lease.take()
        except Exception as fault:  # the database is away: nobody can take it from us before it is over, nor do we know
            self.seeing.log.warning("lease_not_renewed", **fault_of(fault))
            with contextlib.suppress(Exception):
                if await self.lease.holds():
                    return True
            ours = False
        if not ours:
            for running in self._running.values():
                running.cancel()
        self._is_keeper(ours)
        return ours

    def _is_keeper(self, ours: bool) -> None:
        if ours is not self._keeps:
            self._keeps = ours
            self.seeing.log.info("house_kept", state="here" if ours else "by_another_process")

    async def run(self, job: Job) -> bool:
        """Run one job now; False where another process keeps house, or the job failed. Raises nothing."""
        if self._stopping or job.name in self._running:
            return False
        try:
            if not await self.lease.holds() and not await self.lease.take():
                return False
            self._is_keeper(True)
            with self.seeing.metrics.housekeeping(job.name):
                self._running[job.name] = asyncio.ensure_future(job.run())
                said = await self._running[job.name]
        except asyncio.CancelledError:
            self.seeing.log.warning("job_stopped", job=job.name)
            return False
        except Exception as fault:
            self.seeing.log.error("job_failed", job=job.name, **fault_of(fault))
            return False
        finally:
            self._running.pop(job.name, None)
        return await self._note(job, said)

    async def _note(self, job: Job, said: str) -> bool:
        now = self.system()
        if job.name in self._noted and now - self._noted[job.name] < min(NOTED_EVERY, job.every):
            return True
        try:
            async with self.database.begin() as session:
                await note(session, job.name, said, now=now)
        except Exception as fault:
            self.seeing.log.error("job_not_noted", job=job.name, **fault_of(fault))
            return False
        self._noted[job.name] = now
        return True

    async def _first_runs(self) -> dict[str, datetime]:
        """When each job runs first: where it would have run had nothing stopped, and never all at one moment."""
        async with self.database.reading() as session:
            last = {row.name: row.succeeded for row in await session.scalars(select(JobRow))}
        now = self.system()
        first = {}
        for place, job in enumerate(self.jobs):
            soonest = now + timedelta(milliseconds=200 * place)
            first[job.name] = max(soonest, min(last[job.name] + job.every, now + job.every)) if job.name in last else soonest
        return first

    async def _finish(self, within: float) -> None:
        running = [*self._running.values()]
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=within)
        for one in late:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def note(session: AsyncSession, name: str, said: str, *, now: datetime) -> None:
    """Write down that ``name`` succeeded at ``now`` (the machine's time)."""
    row = await session.get(JobRow, name)
    if row is None:
        row = JobRow(name=name)
        session.add(row)
    row.succeeded, row.said = now, said[:LONGEST_SAID]
