"""A city in PostgreSQL, and the API asked over it: ``python -m bench city [--patients 1000000 --tasks 10000000]``.

PostgreSQL runs as the tests run it (nothing is flushed to the disk), so that what is measured is plans and processors, not a disk.
The city is filled by COPY from people whom Cairn enrolled; the API runs in a process of its own, and its audit log is written.

``--stay`` leaves the database up when all is done; ``--at URL --server PID`` asks one that stayed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime, timedelta
from random import Random

import aiohttp
import psutil  # type: ignore[import-untyped]

from bench.__main__ import README, with_section
from bench.asking import TRIVIAL, Processor, Question, measure, table
from bench.citizens import COMMON, RARE, phone_of
from bench.filling import Size, fill, postgres_at
from bench.ground import machine
from records.database import Database
from tests.postgres import serving
from workers.temporal import free_port

HEADING = "## A city: last results\n"
SETTINGS = {
    "shared_buffers": "2GB", "maintenance_work_mem": "512MB", "max_wal_size": "32GB", "checkpoint_timeout": "1h",
    "max_parallel_maintenance_workers": "0", "autovacuum": "off", "random_page_cost": "1.1", "effective_cache_size": "12GB",
}  # fmt: skip
MONDAY = 0


def questions(size: Size, patients: list[tuple[str, str]], today: date) -> list[Question]:
    """What is asked. ``patients``: some ids with their team, whose managers have a key."""
    teams = size.teams[:50]
    monday = today + timedelta(days=(MONDAY - today.weekday()) % 7 or 7)

    def manager(chance: Random) -> str:
        return f"manager-of-{chance.choice(teams)}"

    def patient(chance: Random) -> tuple[str, dict[str, str], str]:
        patient_id, team = chance.choice(patients)
        return f"/api/v1/patients/{patient_id}", {}, f"manager-of-{team}"

    def found(search: str, key: str | None) -> Question:
        who = {"centre": "a centre", "coordinator": "the network", None: "a team"}[key]
        kind = "common" if search[0] == COMMON else "rare"
        words = f"{kind} surname" + (" and a beginning" if " " in search else "")
        return Question(
            f"find by name: {words}, in {who}", lambda chance: ("/api/v1/patients", {"search": search}, key or manager(chance))
        )

    def tasks(name: str, query: dict[str, str], key: str | None) -> Question:
        return Question(f"tasks: {name}", lambda chance: ("/api/v1/tasks", query, key or manager(chance)))

    def phone(chance: Random) -> tuple[str, dict[str, str], str]:
        return "/api/v1/patients", {"search": phone_of(chance.randrange(size.patients))}, "coordinator"

    def listed(name: str, path: str, key: str | None, **query: str) -> Question:
        return Question(name, lambda chance: (f"/api/v1/{path}", query, key or manager(chance)))

    return [
        Question(TRIVIAL, lambda _: ("/healthz", {}, ""), most=500),
        Question(
            "worklist of a team",
            lambda chance: ("/api/v1/worklist", {"on": monday.isoformat()}, manager(chance)),
            items=lambda body: len(body["visits"]) + len(body["tasks"]),
        ),
        Question("patient page", patient, items=lambda _: 1),
        *(found(search, key) for search in (COMMON, RARE, f"{COMMON} 秀") for key in (None, "centre", "coordinator")),
        Question("find by phone, in the network", phone),
        tasks("open, of a team", {}, None),
        tasks("open, of a centre", {}, "centre"),
        tasks("open, of the network", {}, "coordinator"),
        tasks("open of one kind, of a team", {"kind": "home_visit"}, None),
        tasks("open of one kind, of the network", {"kind": "home_visit"}, "coordinator"),
        tasks("all, of a team", {"status": "any"}, None),
        listed("patients of a team", "patients", None),
        listed("red patients of the network", "patients", "coordinator", tag="red"),
        listed("referrals, of a hospital", "referrals", "clinic"),
        listed("referrals, of a team", "referrals", None),
        listed("referrals that wait, of the network", "referrals", "coordinator", stage="requested"),
        listed("refills, of a pharmacy", "refills", "pharmacy"),
        Question("overview", lambda _: ("/api/v1/overview", {}, "coordinator"), items=lambda _: 1, most=20),
    ]


async def ask(url: str, server: int, size: Size, today: date, blocks: int, only: str) -> str:
    """The figures of a filled database, as a table."""
    async with postgres_at(url) as postgres:
        rows = await postgres.fetch(
            "SELECT id, care_team_id FROM patient TABLESAMPLE SYSTEM (5) WHERE care_team_id = ANY($1) LIMIT 2000", size.teams[:50]
        )
        counted = await postgres.fetch("SELECT relname, reltuples::bigint FROM pg_class WHERE relname IN ('patient', 'task')")
        heavy = await postgres.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
    rows_of = {row["relname"]: row["reltuples"] for row in counted}
    asked = questions(size, [(row["id"], row["care_team_id"]) for row in rows], today)
    asked = [question for question in asked if only in question.name or question.name == TRIVIAL]
    async with served(url) as (base, api):
        found = await measure(base, asked, Processor(api, psutil.Process(server)), blocks=blocks, say=_say)
    title = (
        f"**city** ({rows_of['patient']:,} patients in {len(size.teams)} teams, {rows_of['task']:,} tasks, {heavy}; "
        f"{blocks} blocks; {machine()})"
    )
    return f"{title}\n\n{table(found)}\n"


@asynccontextmanager
async def served(url: str) -> AsyncIterator[tuple[str, psutil.Process]]:
    """The API in a process of its own: where it answers, and the process."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.served", url, str(port))
    base = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as http:
            until = time.monotonic() + 60
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"{base}/healthz") as answer:
                        if answer.status == 200:
                            break
                if time.monotonic() > until or process.returncode is not None:
                    raise RuntimeError("the API did not come up; start it by hand: python -m bench.served URL PORT")
                await asyncio.sleep(0.1)
        yield base, psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


@contextmanager
def tuned() -> Iterator[tuple[str, int]]:
    """A PostgreSQL with the memory of a small server: the URL of its database ``city``, and its process."""
    with serving() as postgres:
        for name, value in SETTINGS.items():
            postgres.sql(f"ALTER SYSTEM SET {name} = '{value}'")
        data, log = str(postgres.folder / "data"), str(postgres.folder / "log")
        postgres.run("pg_ctl", "-D", data, "-w", "-s", "-m", "fast", "-l", log, "restart")
        postgres.sql("CREATE DATABASE city")
        yield postgres.url("city"), int((postgres.folder / "data" / "postmaster.pid").read_text().split()[0])


async def _fill(url: str, size: Size, today: date) -> None:
    database = Database.open(url)
    try:
        await fill(database, size, today=today, say=_say)
    finally:
        await database.close()


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench city", description=__doc__)
    options.add_argument("--patients", type=int, default=1_000_000)
    options.add_argument("--tasks", type=int, default=10_000_000)
    options.add_argument("--blocks", type=int, default=3)
    options.add_argument("--record", action="store_true", help="the results into bench/README.md")
    options.add_argument("--only", default="", help="questions whose name holds this")
    options.add_argument("--stay", action="store_true", help="leave the database up until Ctrl-C")
    options.add_argument("--at", help="ask a database that stayed up, by its URL")
    options.add_argument("--server", type=int, help="the process of its PostgreSQL")
    chosen = options.parse_args()
    size, today = Size(chosen.patients, chosen.tasks), datetime.now(UTC).date()

    def asked(url: str, server: int) -> None:
        results = asyncio.run(ask(url, server, size, today, chosen.blocks, chosen.only))
        print(results, flush=True)
        if chosen.record:
            README.write_text(with_section(README.read_text(encoding="utf-8"), HEADING, results), encoding="utf-8")

    if chosen.at:
        asked(chosen.at, chosen.server or psutil.Process().pid)
        return 0
    with tuned() as (url, server):
        asyncio.run(_fill(url, size, today))
        if chosen.stay:
            _say(f"python -m bench city --patients {size.patients} --at '{url}' --server {server}")
        asked(url, server)
        if chosen.stay:
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
