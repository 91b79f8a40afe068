"""A city in PostgreSQL, and the API asked over it: ``python -m bench city [--patients 1000000 --tasks 10000000]``.

PostgreSQL runs as the tests run it (nothing is flushed to the disk), so that what is measured is plans and processors, not a disk.
The city is filled by COPY from people whom Cairn enrolled; the API runs in a process of its own, and its audit log is written.

``--stay`` leaves the database up when all is done; ``--at URL --server PID`` asks one that stayed.
"""

from __future__ import annotations

import sys
from datetime import date, timedelta
from random import Random

import asyncpg

from bench.asking import TRIVIAL, Question
from bench.citizens import COMMON, RARE, phone_of
from bench.filling import Size
from bench.over_a_city import MONDAY, Benchmark


async def questions(postgres: asyncpg.Connection, size: Size, today: date, _blocks: int) -> list[Question]:
    """What is asked of a filled database."""
    rows = await postgres.fetch(
        "SELECT id, care_team_id FROM patient TABLESAMPLE SYSTEM (5) WHERE care_team_id = ANY($1) LIMIT 2000", size.teams[:50]
    )
    return _of_patients(size, [(row["id"], row["care_team_id"]) for row in rows], today)


def _of_patients(size: Size, patients: list[tuple[str, str]], today: date) -> list[Question]:
    """``patients``: some ids with their team, whose managers have a key."""
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


CITY = Benchmark("city", "## A city: last results\n", __doc__, questions)

if __name__ == "__main__":
    sys.exit(CITY.run())
