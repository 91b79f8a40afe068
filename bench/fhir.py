"""The FHIR door over a city in PostgreSQL, beside the REST routes: ``python -m bench fhir [--patients 1000000 --tasks 10000000]``.

Each search of Task is asked in turn with the REST list that shows the same, in the same run; each update with the same by REST.
``--stay`` leaves the database up when all is done; ``--at URL --server PID`` asks one that stayed (``bench city --stay`` will do).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

import asyncpg

from api.fhir.kinds import id_under
from bench.asking import TRIVIAL, Question
from bench.filling import Size
from bench.over_a_city import MONDAY, Benchmark

Work = Sequence[tuple[str, str, str]]  # patient, key and team of open tasks


def _entries(body: Any) -> int:
    return len(body.get("entry", ()))


async def questions(postgres: asyncpg.Connection, size: Size, today: date, blocks: int) -> list[Question]:
    """What is asked of a filled database."""
    referrals = [row["id"] for row in await postgres.fetch("SELECT id FROM referral ORDER BY asked LIMIT 500")]
    work = await postgres.fetch(
        "SELECT patient_id, key, care_team_id FROM task WHERE status = 'open' AND claimed_by IS NULL "
        "AND care_team_id = ANY($1) ORDER BY due DESC LIMIT $2",
        size.teams[:50],
        (blocks + 1) * 200,
    )
    return _of_requests(size, referrals, [tuple(row) for row in work], today)


def _of_requests(size: Size, referrals: Sequence[str], work: Work, today: date) -> list[Question]:
    """``work``: open tasks; each is claimed once at most."""
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


FHIR = Benchmark("fhir", "## The FHIR door in a city: last results\n", __doc__, questions)

if __name__ == "__main__":
    sys.exit(FHIR.run())
