"""What the benchmarks stand on: one real server with its file, SQLite, the whole of Cairn in this process, and a bare worker.

Rule 1: Cairn and the bare workflow meet on the same server, in the same run, in turn.
Rule 2: the processor's time of this process is the worker's and the caller's together, for both alike.
"""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import psutil  # type: ignore[import-untyped]
from temporalio.client import Client

from activities.channels.port import Channel, OutgoingSms
from activities.channels.registry import Channels
from activities.channels.sandbox import SandboxChannel
from activities.enrolment import Enrolments
from activities.events import Events
from activities.steps import Engine
from activities.waking import Waker
from bench import bare
from pathways.engine import State, next_due
from pathways.engine.plan import Plan
from pathways.engine.turn import Ahead
from records.clock import Clock
from records.database import migrate
from records.intake.people import Identifier, Intake, KnownReading, PersonName, Phone
from records.tables import CareTeam
from workers.network import set_up_network
from workers.parts import Parts, publish_shipped
from workers.settings import Settings
from workers.temporal import TemporalServer, connect, free_port, quiet_runtime

AT_ONCE = 50
FAR = timedelta(days=30)
T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Stage:
    """The clock of a benchmark and what it saw. While ``moment`` is None it is the system's.

    Standing, it is the same moment for everybody until it is moved. What the engine wants in weeks is then asked of the server
    in ``nap``: the workflow sets and fires its own timers, only shorter ones, and the clock is moved before they fire.
    """

    moment: datetime | None = None
    nap: timedelta = FAR
    steps: int = 0
    accepted: int = 0
    ahead: set[datetime] = field(default_factory=set)

    def now(self) -> datetime:
        return self.moment or datetime.now(UTC)

    def next_due(self, plan: Plan, state: State, known: Ahead) -> datetime | None:
        """The engine's own answer, pulled near while the clock stands."""
        due = next_due(plan, state, known)
        self.steps += 1
        if due is None or self.moment is None:
            return due
        self.ahead.add(due)
        return min(due, self.moment + self.nap)

    async def accept(self, _: OutgoingSms) -> None:
        self.accepted += 1


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of the processor and of the wall."""

    server: float
    worker: float
    wall: float

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.server - other.server, self.worker - other.worker, self.wall - other.wall)

    def without(self, idle: Spent) -> Spent:
        """Less what the same time costs when nothing happens."""
        share = self.wall / idle.wall
        return Spent(self.server - idle.server * share, self.worker - idle.worker * share, self.wall)

    @property
    def cpu(self) -> float:
        return self.server + self.worker


@dataclass(frozen=True)
class Ground:
    """Everything that a benchmark uses."""

    parts: Parts
    stage: Stage
    tally: bare.Tally
    plain: Client
    sealed: Client
    server_pid: int = 0

    @property
    def waker(self) -> Waker:
        return Waker(self.sealed)

    def spent(self) -> Spent:
        """The processor's time so far, of the server and of this process."""
        server, worker = psutil.Process(self.server_pid).cpu_times(), psutil.Process().cpu_times()
        return Spent(server.user + server.system, worker.user + worker.system, time.monotonic())

    async def idle(self, seconds: float) -> Spent:
        """What ``seconds`` of nothing cost."""
        before = self.spent()
        await asyncio.sleep(seconds)
        return self.spent() - before


@asynccontextmanager
async def ground(channel: Channel | None = None) -> AsyncIterator[Ground]:
    """Bring it all up in a folder of its own; afterwards nothing is left. ``channel``: in place of the sandbox."""
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        home = Path(folder)
        async with AsyncExitStack() as stack:
            server = await TemporalServer.start(home / "temporal.db", free_port(), log=home / "temporal.log")
            stack.push_async_callback(server.stop)
            on = await stack.enter_async_context(standing_on(server.address, home, channel=channel))
            yield replace(on, server_pid=server.process.pid)


@asynccontextmanager
async def standing_on(address: str, home: Path, *, cairn: bool = True, channel: Channel | None = None) -> AsyncIterator[Ground]:
    """Workers of both kinds on a server that runs; without ``cairn`` only the bare one."""
    stage, tally = Stage(), bare.Tally()
    async with AsyncExitStack() as stack:
        parts = await _parts(home, stage, channel)
        stack.push_async_callback(parts.close)
        plain = await Client.connect(address, runtime=quiet_runtime())
        sealed = await connect(address, "default", parts.vault)
        for worker in parts.workers(sealed, engine=Engine(next_due=stage.next_due)) if cairn else ():
            await stack.enter_async_context(worker)
        await stack.enter_async_context(bare.worker(plain, tally))
        yield Ground(parts, stage, tally, plain, sealed)


async def _parts(home: Path, stage: Stage, channel: Channel | None) -> Parts:
    made = Parts.make(Settings.read({"CAIRN_HOME": str(home)}))
    clock = Clock(stage.now)

    async def now() -> datetime:
        return stage.now()

    parts = replace(
        made,
        clock=clock,
        channels=Channels.of(channel or SandboxChannel(home / "phones.db", now=now, after_accept=stage.accept)),
        events=Events(made.database, made.vault, clock),
        enrolments=Enrolments(made.database, made.vault, made.plans, clock),
    )
    await migrate(parts.database)
    async with parts.database.begin() as session:
        await set_up_network(session)
        await publish_shipped(session, at=stage.now())
    return parts


def person(number: int, *, on: date, team: str | None = None) -> Intake:
    """Somebody with controlled hypertension who was seen last week: nothing is due at once."""
    seen = on - timedelta(days=7)
    at = datetime(seen.year, seen.month, seen.day, 4, tzinfo=UTC)
    return Intake(
        source="bench",
        place=f"row {number}",
        identifiers=(Identifier("urn:bench", str(number)),),
        name=PersonName("Bench", f"Person{number}", f"Person{number} Bench"),
        sex="female",
        born=date(1962, 5, 5),
        phones=(Phone(f"+86138{number:08d}", str(number), "self"),),
        language="en",
        timezone="Asia/Shanghai",
        conditions=frozenset({"hypertension"}),
        readings=tuple(KnownReading(n, v, at, "mm[Hg]", "mm[Hg]") for n, v in (("sbp", 132.0), ("dbp", 82.0))),
        visits=(seen,),
        care_team=team,
        tag="green",
        services_done={"annual_exam": seen},
    )


async def set_up_teams(ground: Ground, count: int) -> list[str]:
    """A care team for each patient, so that all visits of a block fall on one day and the clock can be moved once."""
    names = [f"bench-{n}" for n in range(count)]
    async with ground.parts.database.begin() as session:
        session.add_all(CareTeam(id=name, organisation_id="centre-1", name=name, timezone="Asia/Shanghai") for name in names)
    return names


async def enrol(ground: Ground, people: Sequence[Intake]) -> list[str]:
    """Store them; answers their ids. Nobody is woken."""

    async def one(intake: Intake) -> str:
        outcome = await ground.parts.enrolments.enrol(intake)
        if outcome.status != "enrolled" or outcome.patient_id is None:
            raise RuntimeError(f"{intake.place} was not enrolled ({outcome.status}); the benchmark's person no longer fits")
        return outcome.patient_id

    return list(await in_bulk(one, people))


async def in_bulk(work: Callable[[T], Awaitable[R]], items: Sequence[T], *, at_once: int = AT_ONCE) -> list[R]:
    """``work`` on each item, ``at_once`` at a time."""
    room = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with room:
            return await work(item)

    return await asyncio.gather(*(one(item) for item in items))


async def until(reached: Callable[[], bool], what: str, *, within: float = 300) -> None:
    """Wait until ``reached``. Raises TimeoutError that says what did not come."""
    end = time.monotonic() + within
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {within:g} s; run fewer patients, or on a quieter machine")
        await asyncio.sleep(0.02)


def machine() -> str:
    """The machine and the day, for the record."""
    load = os.getloadavg()[0]
    return f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f} at the start"
