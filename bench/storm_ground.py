"""What a storm falls on: a real Temporal server, worker, API and a Twilio of our own, each a process that may be killed.

Rule 1: what a phone got is counted in the provider's own file, which forgives nothing.
Rule 2: a patient is on one invented pathway that sends one text at once; their tag, and so the priority, is what they brought.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from sqlalchemy import func, select

from activities.doubts import Doubts
from activities.housekeeping import Housekeeping
from activities.messages import MessageActivities
from activities.waking import NotWoken, Waker
from bench.ground import in_bulk
from bench.storm_process import FAKE_FILE, leap, leaping, parts_on
from pathways.engine.events import ServiceCompleted
from pathways.language import load
from records.clock import Clock
from records.database import migrate
from records.intake.people import Identifier, Intake, PersonName, Phone
from records.tables import Delivery, PathwayVersion
from workers.network import set_up_network
from workers.parts import Parts
from workers.settings import Settings
from workers.temporal import TemporalServer, connect, free_port
from workers.twilio_fake.serving import ACCOUNT, NUMBER, TOKEN

START = datetime(2025, 3, 3, 0, 0, tzinfo=UTC)  # a Monday, eight o'clock in Shanghai
LEVELS = {"danger": 0, "red": 1, "yellow": 2, "green": 3}
STORM = """
pathway: storm
title: {en: Storm}
basis: invented
enrol_when: age >= 18
readings:
  level: {unit: "1", plausible: [0, 9], label: {en: level}}
tags: [red, yellow, green]
decisions:
  DANGER: {title: {en: danger}, tag: red, within: 90 days, send: seek_help}
  RED: {title: {en: red}, tag: red, within: 90 days, send: hello}
  YELLOW: {title: {en: yellow}, tag: yellow, within: 90 days, send: hello}
  GREEN: {title: {en: green}, tag: green, within: 90 days, send: hello}
services:
  check:
    kind: screening
    title: {en: check}
    by: health_manager
    every: 90 days
    first: 60 days
    collects: [level]
    decide: each
tables:
  each:
    - {row: S-0, when: level == 0, then: DANGER, because: {en: level 0}, basis: invented}
    - {row: S-1, when: level == 1, then: RED, because: {en: level 1}, basis: invented}
    - {row: S-2, when: level == 2, then: YELLOW, because: {en: level 2}, basis: invented}
    - {row: S-3, when: level >= 3, then: GREEN, because: {en: level 3}, basis: invented}
    - {row: S-X, incomplete: true, then: GREEN, because: {en: nothing is known}, basis: invented}
messages:
  hello: {en: "please call us when you have a moment."}
  seek_help: {urgent: true, en: "if you feel unwell now, call {{ emergency_number }}."}
"""
#: The same, but that its one text is a reminder of tomorrow's check on that day, and of use on that day only.
REMINDED = (
    STORM.replace("pathway: storm\ntitle: {en: Storm}", "pathway: reminded\ntitle: {en: Wind}")
    .replace(", send: hello", "")
    .replace("first: 60 days", "first: 0 days\n    remind: [{when: same day, send: hello}]")
)


class NotProven(AssertionError):
    """A claim does not hold, or nothing came to an end."""


@dataclass
class Ground:
    """The installation. ``killed``: what, and when by its clock. ``phones``: of each patient."""

    home: Path
    parts: Parts
    server: TemporalServer
    waker: Waker
    environment: dict[str, str]
    now: Callable[[], datetime]
    fake_url: str
    phones: dict[str, str] = field(default_factory=dict)
    levels: dict[str, str] = field(default_factory=dict)
    killed: list[tuple[datetime, str]] = field(default_factory=list)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    said_at: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        """How far it is, on stderr."""
        print(f"{time.monotonic() - self.said_at:6.0f} s  {what}", file=sys.stderr, flush=True)

    @property
    def housekeeping(self) -> Housekeeping:
        return Housekeeping(self.parts.database, self.parts.clock, self.waker)

    @property
    def doubts(self) -> Doubts:
        parts = self.parts
        messages = MessageActivities(parts.database, parts.vault, parts.plans, parts.clock, parts.channels, parts.seeing)
        return Doubts(parts.database, parts.clock, messages, self.waker)

    # --- processes
    async def start(self, kind: str) -> None:
        """``worker``, ``api`` or ``fake``; returns once it serves."""
        with (self.home / f"{kind}.log").open("ab") as said:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.storm_process", kind),
                env={**os.environ, **self.environment},
                stdout=asyncio.subprocess.PIPE,
                stderr=said,
            )
        self.processes[kind] = process
        assert process.stdout is not None
        if not (await process.stdout.readline()).startswith(b"serving"):
            words = (self.home / f"{kind}.log").read_text()[-2000:]
            raise RuntimeError(f"the {kind} did not start; it said: {words}")

    async def kill(self, kind: str) -> None:
        """SIGKILL, and start it again."""
        self.killed.append((self.now(), kind))
        process = self.processes[kind]
        process.kill()
        await process.wait()
        await self.start(kind)

    # --- time
    def leap_to(self, moment: datetime) -> None:
        """It is ``moment`` now, and time runs on."""
        leap(self.home, moment - datetime.now(UTC))

    # --- people
    async def enrol(self, count: int, level: Callable[[int], str], *, only: str = "storm") -> list[str]:
        """Store as many people; nobody is woken. Answers their ids."""
        first = len(self.phones)

        async def one(number: int) -> str:
            intake = somebody(number)
            outcome = await self.parts.enrolments.enrol(intake, only=(only,))
            if outcome.patient_id is None:
                raise RuntimeError(f"{intake.place} was not enrolled ({outcome.status})")
            if only == "storm":
                await self.parts.events.store(outcome.patient_id, partial(checked, number, LEVELS[level(number)]))
            self.phones[outcome.patient_id], self.levels[outcome.patient_id] = str(intake.phones[0].number), level(number)
            return outcome.patient_id

        return await in_bulk(one, range(first, first + count), at_once=8)

    async def wake(self, patients: Sequence[str]) -> None:
        """Start their workflows."""

        async def one(patient: str) -> None:
            try:
                await self.waker.wake(patient)
            except NotWoken:
                self.say("Temporal did not answer; housekeeping wakes that patient later")

        await in_bulk(one, patients, at_once=100)

    # --- what is there
    def accepted(self) -> int:
        """How many texts the provider took."""
        return int(self._asked("select count(*) from message where direction = 'outbound-api'")[0][0])

    def by_phone(self) -> Counter[str]:
        """How many texts each phone got, as the provider counts."""
        return Counter(dict(self._asked("select to_, count(*) from message where direction = 'outbound-api' group by to_")))

    def by_attempt(self) -> Counter[str]:
        """How many texts it took for each of our tries, by the callback's address."""
        rows = self._asked("select callback from message where direction = 'outbound-api'")
        return Counter(_attempt(row[0]) for row in rows)

    def taken_at(self) -> dict[str, datetime]:
        """When it took each of our tries, by its own clock, which is the installation's."""
        rows = self._asked("select callback, created from message where direction = 'outbound-api'")
        return {_attempt(callback): datetime.fromisoformat(created) for callback, created in rows}

    def _asked(self, statement: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"file:{self.home / FAKE_FILE}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    async def fake(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The provider's control API."""
        async with httpx.AsyncClient(base_url=self.fake_url, timeout=30) as http:
            answer = await http.request(method, f"/_fake/{path}", content=json.dumps(body or {}), headers=JSON)
            answer.raise_for_status()
            return dict(answer.json())

    async def standing(self) -> Counter[str]:
        """Texts by where they stand."""
        async with self.parts.database.reading() as session:
            rows = await session.execute(select(Delivery.status, func.count()).group_by(Delivery.status))
            return Counter({status: count for status, count in rows})


def _attempt(callback: str) -> str:
    return parse_qs(urlsplit(callback).query)["attempt"][0]


JSON = {"Content-Type": "application/json"}


def checked(number: int, level: int, now: datetime) -> ServiceCompleted:
    return ServiceCompleted(id=f"checked/{number}", at=now, learnt=now, service="check", readings={"level": float(level)})


def somebody(number: int) -> Intake:
    """Person ``number``, with a phone of their own."""
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
    )


@asynccontextmanager
async def ground(home: Path, *, per_second: float, database_url: str | None) -> AsyncIterator[Ground]:
    """Everything up, nobody enrolled, eight in the morning; afterwards nothing is left."""
    api_port, fake_port = free_port(), free_port()
    leap(home, START - datetime.now(UTC))
    now = leaping(home)
    async with AsyncExitStack() as leaving:
        server = await TemporalServer.start(home / "temporal.db", free_port(), log=home / "temporal.log")
        leaving.push_async_callback(server.stop)
        environment = {
            "CAIRN_HOME": str(home),
            "CAIRN_TEMPORAL_ADDRESS": server.address,
            "CAIRN_API_PORT": str(api_port),
            "CAIRN_PUBLIC_URL": f"http://127.0.0.1:{api_port}",
            "CAIRN_CHANNELS": "twilio",
            "CAIRN_SMS_PER_SECOND": f"{per_second:g}",
            "CAIRN_LOG_LEVEL": "error",
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_FROM": NUMBER,
            "TWILIO_BASE_URL": f"http://127.0.0.1:{fake_port}",
            "STORM_FAKE_PORT": str(fake_port),
        }
        if database_url is not None:
            environment["CAIRN_DATABASE_URL"] = database_url
        parts = await parts_on(Settings.read(environment), Clock(now))
        leaving.push_async_callback(parts.close)
        await migrate(parts.database)
        async with parts.database.begin() as session:
            await set_up_network(session)
            for text in (STORM, REMINDED):
                pathway = load(text, file="storm").pathway
                assert pathway is not None
                session.add(PathwayVersion(version=pathway.version, pathway=pathway.name, text=text, published=START, current=True))
        client = await connect(server.address, "default", parts.vault)
        made = Ground(home, parts, server, Waker(client), environment, now, environment["TWILIO_BASE_URL"])
        leaving.push_async_callback(_end, made.processes)
        for kind in ("fake", "worker", "api"):
            await made.start(kind)
        yield made


async def _end(processes: dict[str, asyncio.subprocess.Process]) -> None:
    for process in processes.values():
        if process.returncode is None:
            process.kill()
            await process.wait()
