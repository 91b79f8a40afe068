"""The FHIR door over a city in PostgreSQL, beside the REST routes: ``python -m bench fhir [--patients 1000000 --tasks 10000000]``.

Each search of Task is asked in turn with the REST list that shows the same, in the same run; each update with the same by REST.
``--stay`` leaves the database up when all is done; ``--at URL --server PID`` asks one that stayed (``bench city --stay`` will do).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import psutil  # type: ignore[import-untyped]

from api.fhir.kinds import id_under
from bench.__main__ import README, with_section
from bench.asking import TRIVIAL, Processor, Question, measure, table
from bench.city import MONDAY, served, tuned
from bench.filling import Size, fill, postgres_at
from bench.ground import machine
from records.database import Database

HEADING = "## The FHIR door in a city: last results\n"
Work = Sequence[tuple[str, str, str]]  # patient, key and team of open tasks


def _entries(body: Any) -> int:
    return len(body.get("entry", ()))


def questions(size: Size, referrals: Sequence[str], work: Work, today: date) -> list[Question]:
    """What is asked. ``work``: open tasks; each is claimed once at most."""
    teams = size.teams[:50]
    monday = today + timedelta(days=(MONDAY - today.weekday()) % 7 or 7)
    unclaimed = iter(work)

    def manager(chance: Random) -> str:
        return f"manager-of-{chance.choice(teams)}"

    def task(name: str, key: str | None, **query: str) -> Question:
        asked = {name.replace("_not", ":not"): value for name, value in query.items()}
        return Question(f"FHIR Task: {name}", lambda chance: ("/fhir/Task", asked, key or manager(chance)), _entries)

    def rest(name: str, path: str, key: str | None, **query: str) -> Question:
        return Question(f"REST {name}", lambda chance: (f"/api/v1/{path}", query, key or manager(chance)))

    def read(way: Callable[[str], str]) -> Callable[[Random], tuple[str, dict[str, str], str]]:
        return lambda chance: (way(chance.choice(referrals)), {}, "coordinator")

    def claims_by_rest(_: Random) -> tuple[str, dict[str, str], str, Any]:
        patient, key, team = next(unclaimed)
        return f"/api/v1/tasks/{patient}/claim", {}, f"manager-of-{team}", {"key": key}

    def claims_by_fhir(_: Random) -> tuple[str, dict[str, str], str, Any]:
        patient, key, team = next(unclaimed)
        return f"/fhir/Task/{id_under(patient, key)}", {}, f"manager-of-{team}", {"status": "in-progress"}

    lately = (today - timedelta(days=7)).isoformat()
    return [
        Question(TRIVIAL, lambda _: ("/healthz", {}, ""), most=500),
        Question(
            "REST worklist of a team",
            lambda chance: ("/api/v1/worklist", {"on": monday.isoformat()}, manager(chance)),
            items=lambda body: len(body["visits"]) + len(body["tasks"]),
            most=50,
        ),
        rest("referrals, of a hospital", "referrals", "clinic"),
        task("all, of a hospital", "clinic"),
        task("all, of a hospital, uncounted", "clinic", _total="none"),
        rest("referrals requested, of a hospital", "referrals", "clinic", stage="requested"),
        task("requested, of a hospital", "clinic", status="requested"),
        task("requested, received or accepted, of a hospital", "clinic", status="requested,received,accepted"),
        task("changed lately, of a hospital", "clinic", _lastUpdated=f"gt{lately}", _sort="_lastUpdated"),
        rest("refills, of a pharmacy", "refills", "pharmacy"),
        task("all, of a pharmacy, uncounted", "pharmacy", _total="none"),
        rest("tasks open, of a team", "tasks", None),
        task("requested, of a team", None, status="requested"),
        task("of one kind, of a team", None, code="home_visit", status="requested"),
        task("changed last, of a team", None, _sort="-_lastUpdated", _total="none"),
        rest("tasks open, of the network", "tasks", "coordinator"),
        task("requested, of the network", "coordinator", status="requested", _total="none"),
        task("requested, of the network, counted to 10,000", "coordinator", status="requested"),
        task("changed last, of the network", "coordinator", _sort="-_lastUpdated", _total="none"),
        rest("referral waiting, of the network", "referrals", "coordinator", stage="requested"),
        task("orders to be fulfilled, of the network", "coordinator", code="fulfill", status="requested", _total="none"),
        Question("REST referral", read(lambda id_: f"/api/v1/referrals/{id_}"), items=lambda _: 1),
        Question("FHIR Task, read", read(lambda id_: f"/fhir/Task/{id_}"), items=lambda _: 1),
        Question("REST claim of a task", claims_by_rest, items=lambda _: 1, most=100, method="POST"),
        Question("FHIR Task claimed (PATCH)", claims_by_fhir, items=lambda _: 1, most=100, method="PATCH"),
    ]


async def ask(url: str, server: int, size: Size, today: date, blocks: int, only: str) -> str:
    """The figures of a filled database, as a table."""
    async with postgres_at(url) as postgres:
        counted = await postgres.fetch("SELECT relname, reltuples::bigint FROM pg_class WHERE relname IN ('patient', 'task')")
        referrals = [row["id"] for row in await postgres.fetch("SELECT id FROM referral ORDER BY asked LIMIT 500")]
        wanted = (blocks + 1) * 200
        work = await postgres.fetch(
            "SELECT patient_id, key, care_team_id FROM task WHERE status = 'open' AND claimed_by IS NULL "
            "AND care_team_id = ANY($1) ORDER BY due DESC LIMIT $2",
            size.teams[:50],
            wanted,
        )
        heavy = await postgres.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
    rows_of = {row["relname"]: row["reltuples"] for row in counted}
    asked = questions(size, referrals, [tuple(row) for row in work], today)
    asked = [question for question in asked if only in question.name or question.name == TRIVIAL]
    async with served(url) as (base, api):
        found = await measure(base, asked, Processor(api, psutil.Process(server)), blocks=blocks, say=_say)
    title = (
        f"**fhir** ({rows_of['patient']:,} patients in {len(size.teams)} teams, {rows_of['task']:,} tasks, {heavy}; "
        f"{blocks} blocks; {machine()})"
    )
    return f"{title}\n\n{table(found)}\n"


async def _fill(url: str, size: Size, today: date) -> None:
    database = Database.open(url)
    try:
        await fill(database, size, today=today, say=_say)
    finally:
        await database.close()


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench fhir", description=__doc__)
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
            _say(f"python -m bench fhir --patients {size.patients} --at '{url}' --server {server}")
        asked(url, server)
        if chosen.stay:
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
