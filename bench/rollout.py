"""A rollout over live patients under fire, and back: ``python -m bench.rollout [--patients 1000]``.

The real server on its file, SQLite, worker and API as processes of their own (the commands that an operator types), a driven clock.
Twice there and back, through the API: once in peace, once while worker, API and server are killed with SIGKILL and time goes on.
Beside it, in the same run: an event that changes nothing for everybody (stored, woken, an empty step).
It ends with an error unless every patient is accounted for, is where they should be, and no text went out twice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from activities.channels.sandbox import SandboxChannel
from activities.housekeeping import Housekeeping
from activities.rollouts import RolloutDoor
from activities.waking import NotWoken, Waker
from bench.ground import in_bulk, machine, person
from pathways.engine.commands import SendMessage
from pathways.engine.events import PersonChanged
from pathways.language import library, load
from pathways.serial import load_command
from records.database import migrate
from records.intake.people import Intake, KnownReading
from records.patients import Patients
from records.rollouts import Rollouts
from records.tables import CareTeam, Delivery, Enrolment, PathwayVersion, Patient
from workers.network import new_key, set_up_network
from workers.parts import Parts, publish_shipped
from workers.settings import Settings
from workers.temporal import TemporalServer, connect, free_port
from workflows.contract import RolloutPace

START = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)  # a Monday, nine o'clock in Shanghai
COMMAND = "from workers.command import main; main()"
PATIENCE = 1200.0
TEAMS = 20
KILLS = {"worker": (0.1, 0.3, 0.5, 0.7, 0.9), "api": (0.2, 0.6), "temporal": (0.4,)}  # at these shares of the patients
MAPPING = {"annual_exam": "yearly_check"}


class NotAccountedFor(AssertionError):
    """Somebody is not where they should be, or was texted twice."""


@dataclass
class City:
    """The installation. ``killed``: what was, in order."""

    home: Path
    parts: Parts
    server: TemporalServer
    waker: Waker
    door: RolloutDoor
    api_port: int
    key: str = ""
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)

    @property
    def housekeeping(self) -> Housekeeping:
        return Housekeeping(self.parts.database, self.parts.clock, self.waker)

    # --- processes
    async def start(self, name: str) -> None:
        """``worker`` or ``api``, as an operator starts it; returns once it serves."""
        environment = {
            **os.environ,
            "CAIRN_HOME": str(self.home),
            "CAIRN_TEMPORAL_ADDRESS": self.server.address,
            "CAIRN_API_PORT": str(self.api_port),
            "CAIRN_LOG_LEVEL": "error",
        }
        with (self.home / f"{name}.log").open("ab") as said:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", COMMAND, name, env=environment, stdout=asyncio.subprocess.PIPE, stderr=said
            )
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line.startswith(b"serving"):
            raise RuntimeError(f"the {name} did not start; its words are in {self.home / name}.log")
        self.processes[name] = process

    async def kill(self, name: str) -> None:
        """SIGKILL, and start it again."""
        self.killed[name] += 1
        if name == "temporal":
            os.kill(self.server.process.pid, signal.SIGKILL)
            await self.server.process.wait()
            port = int(self.server.address.rsplit(":", 1)[1])
            self.server = await TemporalServer.start(self.home / "temporal.db", port, log=self.home / "temporal.log")
            return
        process = self.processes[name]
        process.kill()
        await process.wait()
        await self.start(name)

    # --- time
    async def live(self, until: datetime) -> None:
        """Move time from one due moment to the next, and let everything settle on the way."""
        while True:
            pulse = await self._settled()
            if pulse is None or pulse > until:
                break
            await self._move(max(pulse + timedelta(minutes=20), pulse))
            await self.housekeeping.wake_due()
        await self._move(until)

    async def _settled(self) -> datetime | None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            pulse = await self.housekeeping.settled(within=timedelta(seconds=5))
            if pulse.settled:
                return pulse.next_due
            await self.housekeeping.wake_due()
        raise NotAccountedFor(f"{pulse.unsettled} things have not settled")

    async def _move(self, to: datetime) -> None:
        async with self.parts.database.begin() as session:
            if to > await self.parts.clock.now(session):
                await self.parts.clock.move(session, to)

    # --- rollouts
    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Through the API; again while it is being started."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.api_port}/api/v1", timeout=60) as http:
            for _ in range(200):
                with contextlib.suppress(httpx.TransportError):
                    headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": f"{method} {path} {body}"}
                    answer = await http.request(method, path, json=body, headers=headers)
                    if answer.status_code < 500:
                        answer.raise_for_status()
                        return answer.json()
                await asyncio.sleep(0.2)
        raise RuntimeError(f"the API never answered {method} {path}")

    async def rolled(self, rollout: str, people: int, *, fire: bool) -> float:
        """Seconds until the rollout is done; with ``fire`` everything is killed on the way, and a day passes in the middle."""
        begun = time.monotonic()
        fates = sorted((share, name) for name, shares in KILLS.items() for share in shares) if fire else []
        day_passes = fire
        while time.monotonic() - begun < PATIENCE:
            async with self.parts.database.reading() as session:
                rollouts = Rollouts(session)
                found = await rollouts.one(rollout)
                share = (await rollouts.counts(rollout)).looked_at / people
            if found is not None and found.status == "done":
                return time.monotonic() - begun
            if fates and share >= fates[0][0]:
                await self.kill(fates.pop(0)[1])
            elif day_passes and share >= 0.5:
                day_passes = False
                async with self.parts.database.reading() as session:
                    now = await self.parts.clock.now(session)
                await self._move(now + timedelta(days=1))
            with contextlib.suppress(NotWoken):  # as the chores of housekeeping do
                await self.housekeeping.wake_due()
                await self.door.start(rollout)
            await asyncio.sleep(0.3)
        raise NotAccountedFor(f"the rollout was not done within {PATIENCE:g} s")

    async def accounted_for(self, rollout: str, people: int, version: str) -> None:
        """Raises NotAccountedFor unless everybody has a row in it, has moved, and is on ``version``."""
        progress = await self.ask("GET", f"/rollouts/{rollout}")
        async with self.parts.database.reading() as session:
            on = Counter(await session.scalars(select(Enrolment.version)))
        if progress["statuses"] != {"moved": people} or on != {version: people}:
            raise NotAccountedFor(f"{progress['statuses']}, left because of {progress['codes']}; versions {dict(on)}")

    # --- texts
    async def texts(self) -> tuple[int, int, int]:
        """Texts that went out; those of one key, and those of one patient, template and day, beyond the first."""
        assert isinstance(self.parts.channel, SandboxChannel)
        by_key = Counter((message.to, message.key) for message in await self.parts.channel.messages())
        by_content: Counter[tuple[Any, ...]] = Counter()
        async with self.parts.database.reading() as session:
            patients = Patients(session, self.parts.vault)
            for delivery in await session.scalars(select(Delivery).where(Delivery.kind == "message", Delivery.status == "handed")):
                person = await patients.vault_of(delivery.patient_id)
                command = load_command(person.open(f"delivery/{delivery.key}", delivery.sealed))
                assert isinstance(command, SendMessage)
                parts = {(part.pathway, part.template, part.day, part.about) for part in command.parts}
                by_content.update((delivery.patient_id, command.to, *part) for part in parts)
        return by_key.total(), by_key.total() - len(by_key), by_content.total() - len(by_content)


def somebody(number: int) -> Intake:
    """Their next visits lie within two weeks, a day apart, so that some are reminded on any day."""
    seen = date(2025, 2, 20) + timedelta(days=number % 12)
    at = datetime(seen.year, seen.month, seen.day, 4, tzinfo=UTC)
    readings = tuple(KnownReading(name, value, at, "mm[Hg]", "mm[Hg]") for name, value in (("sbp", 150.0), ("dbp", 95.0)))
    one = person(number, on=START.date(), team=f"bench-{number % TEAMS}")
    return replace(one, visits=(seen,), readings=readings, tag="yellow")


def versions() -> tuple[str, str, str]:
    """The shipped version, another one, and its text: reminded five days before instead of three, and a service renamed."""
    shipped = library()["hypertension"]
    assert shipped.document is not None
    assert shipped.pathway is not None
    text = shipped.document.text.replace("when: 3 days before, send: visit_soon", "when: 5 days before, send: visit_soon")
    text = text.replace("  annual_exam:", "  yearly_check:")
    changed = load(text, file="changed").pathway
    assert changed is not None
    return shipped.pathway.version, changed.version, text


@asynccontextmanager
async def city(home: Path) -> AsyncIterator[City]:
    """Everything up, nobody enrolled; afterwards nothing is left."""
    parts = Parts.make(Settings.read({"CAIRN_HOME": str(home)}))
    server = await TemporalServer.start(home / "temporal.db", free_port(), log=home / "temporal.log")
    client = await connect(server.address, "default", parts.vault)
    made = City(home, parts, server, Waker(client), RolloutDoor(client, RolloutPace()), free_port())
    try:
        await migrate(parts.database)
        _, new, text = versions()
        async with parts.database.begin() as session:
            await parts.clock.drive(session, START)
            await set_up_network(session)
            await publish_shipped(session, at=START)
            row = {"version": new, "text": text, "published": START, "current": False}
            session.add(PathwayVersion(pathway="hypertension", **row))
            names = [f"bench-{n}" for n in range(TEAMS)]
            session.add_all(CareTeam(id=name, organisation_id="centre-1", name=name, timezone="Asia/Shanghai") for name in names)
            made.key = await new_key(session, "bench", "coordinator", "*")
        for name in ("worker", "api"):
            await made.start(name)
        yield made
    finally:
        for process in made.processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()
        await parts.close()
        await made.server.stop()


async def baseline(on: City, patients: Sequence[str], number: int) -> float:
    """Seconds for an event that changes nothing: stored, woken, a step, for everybody."""
    begun = time.monotonic()

    async def one(patient: str) -> None:
        def nothing(now: datetime) -> PersonChanged:
            return PersonChanged(id=f"nothing/{number}", at=now, learnt=now)

        stored = await on.parts.events.store(patient, nothing)
        await on.waker.wake(patient, next_step=stored.next_step)

    await in_bulk(one, patients, at_once=10)
    await on._settled()
    return time.monotonic() - begun


async def run(people: int) -> str:
    """The figures, as a table. Raises NotAccountedFor."""
    old, new, _ = versions()
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        async with city(Path(folder)) as on:
            begun = time.monotonic()

            async def enrol(intake: Intake) -> str:
                outcome = await on.parts.enrolments.enrol(intake, only=("hypertension",))
                if outcome.patient_id is None:
                    raise RuntimeError(f"{intake.place} was not enrolled ({outcome.status})")
                await on.waker.wake(outcome.patient_id)
                return outcome.patient_id

            patients = await in_bulk(enrol, [somebody(n) for n in range(people)], at_once=10)
            await on.live(START + timedelta(hours=2))
            print(f"{people} patients live after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
            for n, fire in enumerate((False, True)):
                plain = await baseline(on, patients, n)
                what = {"why": f"bench {n}", "policy": "now", "services": MAPPING, "batch": 50, "pause_s": 0}
                rollout = (await on.ask("POST", f"/pathways/hypertension/versions/{new}/rollouts", what))["id"]
                there = await on.rolled(rollout, people, fire=fire)
                await on.accounted_for(rollout, people, new)
                await on._settled()
                undo = (await on.ask("POST", f"/rollouts/{rollout}/rollback", {"why": f"bench {n}"}))["id"]
                back = await on.rolled(undo, people, fire=fire)
                await on.accounted_for(undo, people, old)
                await on._settled()
                how = "under fire" if fire else "in peace"
                lines += [_line(f"an empty step each, before it ({how})", people, plain, plain)]
                lines += [_line(f"rolled out, {how}", people, there, plain), _line(f"taken back, {how}", people, back, plain)]
                print(lines[-2], lines[-1], sep="\n", file=sys.stderr, flush=True)
            await on.live(START + timedelta(days=18))
            sent, by_key, by_content = await on.texts()
            async with on.parts.database.reading() as session:
                faults = len(list(await session.scalars(select(Patient.id).where(Patient.fault.is_not(None)))))
            killed = ", ".join(f"{name} {count}" for name, count in sorted(on.killed.items()))
    if by_key or by_content or faults:
        raise NotAccountedFor(f"{by_key} texts doubled by key, {by_content} by patient, template and day; {faults} with a fault")
    head = "| | patients a second | seconds | times an empty step |\n|---|---:|---:|---:|"
    told = f"Killed with SIGKILL: {killed}. Texts over 18 days: {sent}; doubled by key 0, by patient, template and day 0. "
    told += f"Accounted for: {people} of {people} after each of the four; nobody with a fault."
    return f"**rollout** ({people} patients; {machine()})\n\n{head}\n" + "\n".join(lines) + f"\n\n{told}\n"


def _line(what: str, people: int, seconds: float, plain: float) -> str:
    return f"| {what} | {people / seconds:.1f} | {seconds:.0f} | {seconds / plain:.2f} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--patients", type=int, default=1000)
    print(asyncio.run(run(options.parse_args().patients)))


if __name__ == "__main__":
    main()
