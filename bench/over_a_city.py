"""What the benchmarks that ask a city have in common: their options, the database, the API, and the table of figures.

``--stay`` leaves the database up when all is done; ``--at URL --server PID`` asks one that stayed up.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import aiohttp
import asyncpg
import psutil  # type: ignore[import-untyped]

from bench.__main__ import README, with_section
from bench.asking import TRIVIAL, Processor, Question, measure, table
from bench.filling import Size, fill, postgres_at
from bench.ground import machine
from records.database import Database
from tests.postgres import serving
from workers.temporal import free_port

SETTINGS = {
    "shared_buffers": "2GB", "maintenance_work_mem": "512MB", "max_wal_size": "32GB", "checkpoint_timeout": "1h",
    "max_parallel_maintenance_workers": "0", "autovacuum": "off", "random_page_cost": "1.1", "effective_cache_size": "12GB",
}  # fmt: skip
MONDAY = 0

Questions = Callable[[asyncpg.Connection, Size, date, int], Awaitable[list[Question]]]
"""What is asked of a filled database of this size on this day, in so many blocks."""


@dataclass(frozen=True)
class Benchmark:
    """``name``: its word on the command line; ``heading``: the section of README.md that it writes."""

    name: str
    heading: str
    about: str | None
    questions: Questions

    async def ask(self, url: str, server: int, size: Size, today: date, blocks: int, only: str) -> str:
        """The figures of a filled database, as a table."""
        async with postgres_at(url) as postgres:
            asked = await self.questions(postgres, size, today, blocks)
            counted = await postgres.fetch("SELECT relname, reltuples::bigint FROM pg_class WHERE relname IN ('patient', 'task')")
            heavy = await postgres.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
        rows_of = {row["relname"]: row["reltuples"] for row in counted}
        asked = [question for question in asked if only in question.name or question.name == TRIVIAL]
        async with served(url) as (base, api):
            found = await measure(base, asked, Processor(api, psutil.Process(server)), blocks=blocks, say=say)
        title = (
            f"**{self.name}** ({rows_of['patient']:,} patients in {len(size.teams)} teams, {rows_of['task']:,} tasks, {heavy}; "
            f"{blocks} blocks; {machine()})"
        )
        return f"{title}\n\n{table(found)}\n"

    def run(self) -> int:
        """By the options on the command line."""
        chosen = self._options().parse_args()
        size, today = Size(chosen.patients, chosen.tasks), datetime.now(UTC).date()

        def asked(url: str, server: int) -> None:
            results = asyncio.run(self.ask(url, server, size, today, chosen.blocks, chosen.only))
            print(results, flush=True)
            if chosen.record:
                README.write_text(with_section(README.read_text(encoding="utf-8"), self.heading, results), encoding="utf-8")

        if chosen.at:
            asked(chosen.at, chosen.server or psutil.Process().pid)
            return 0
        with tuned() as (url, server):
            asyncio.run(_fill(url, size, today))
            if chosen.stay:
                say(f"python -m bench {self.name} --patients {size.patients} --at '{url}' --server {server}")
            asked(url, server)
            if chosen.stay:
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()
        return 0

    def _options(self) -> argparse.ArgumentParser:
        options = argparse.ArgumentParser(prog=f"python -m bench {self.name}", description=self.about)
        options.add_argument("--patients", type=int, default=1_000_000)
        options.add_argument("--tasks", type=int, default=10_000_000)
        options.add_argument("--blocks", type=int, default=3)
        options.add_argument("--record", action="store_true", help="the results into bench/README.md")
        options.add_argument("--only", default="", help="questions whose name holds this")
        options.add_argument("--stay", action="store_true", help="leave the database up until Ctrl-C")
        options.add_argument("--at", help="ask a database that stayed up, by its URL")
        options.add_argument("--server", type=int, help="the process of its PostgreSQL")
        return options


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
        await fill(database, size, today=today, say=say)
    finally:
        await database.close()


def say(what: str) -> None:
    """Beside the results."""
    print(what, file=sys.stderr, flush=True)
