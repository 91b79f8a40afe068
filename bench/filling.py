"""Filling a database with a city: a few models enrolled by Cairn itself, and a million copies of them by COPY.

Rule 1: what COPY may not see (indexes, keys) is taken off and made again from its own definition, so that the tables end as the
        migrations made them.
Rule 2: processes share nothing but the database; each makes and copies its own stretch of people.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from multiprocessing import get_context
from typing import Any

import asyncpg
from sqlalchemy import select

from activities.enrolment import Enrolments
from activities.plans import Plans
from activities.steps import StepActivities
from bench.citizens import COLUMNS, City, Model, Rows
from bench.ground import person
from records.callers import hashed
from records.clock import Clock
from records.database import Database, migrate
from records.figures import TeamFigures, keep
from records.patients import STATE, Patients
from records.tables import ApiKey, Base, CareTeam, Enrolment, EventRow, Organisation, StepRow, TimelineRow
from records.vault import Vault
from workers.parts import publish_shipped
from workflows.contract import Step

MASTER = bytes(range(32))
CENTRES, HOSPITALS, PHARMACIES = 20, 20, 50
PER_TEAM = 2000
LARGEST = ("task", "person_token")
TAGS = ("green", "green", "green", "green", "yellow", "yellow", "yellow", "red")  # of the models


@dataclass(frozen=True)
class Size:
    """How large a city is. ``per_team``: patients of one care team; ``places``: hospitals and pharmacies."""

    patients: int
    tasks: int
    per_team: int = PER_TEAM
    places: tuple[int, int] = (HOSPITALS, PHARMACIES)

    @property
    def teams(self) -> list[str]:
        return [f"team-{n}" for n in range(1, max(1, self.patients // self.per_team) + 1)]

    @property
    def centres(self) -> list[str]:
        return [f"centre-{n}" for n in range(1, min(CENTRES, len(self.teams)) + 1)]

    @property
    def hospitals(self) -> list[str]:
        return [f"hospital-{n}" for n in range(1, self.places[0] + 1)]

    @property
    def pharmacies(self) -> list[str]:
        return [f"pharmacy-{n}" for n in range(1, self.places[1] + 1)]


async def fill(database: Database, size: Size, *, today: date, say: Callable[[str], None], processes: int = 2) -> None:
    """Make the tables, the places and the people; PostgreSQL. ``say`` is told how far it is."""
    city = await begin(database, size, today=today)
    begun = time.monotonic()

    def tell(what: str) -> None:
        say(f"{time.monotonic() - begun:5.0f} s  {what}")

    url = database.engine.url.render_as_string(hide_password=False)
    async with postgres_at(url) as postgres:
        again = await _bare(postgres)
    edges = [*range(0, size.patients, size.per_team), size.patients]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_set_up, initargs=(url, city)) as pool:
        loop = asyncio.get_running_loop()
        parts = [loop.run_in_executor(pool, _copy, first, last, size.patients) for first, last in pairwise(edges)]
        for number, part in enumerate(asyncio.as_completed(parts), 1):
            await part
            if number % max(1, len(parts) // 10) == 0:
                tell(f"{number * size.per_team:,} patients")
    tell("keys and indexes")
    for kind in ("ALTER", "CREATE"):  # a key takes a table for itself, an index shares it
        await _at_once(url, [statement for statement in again if statement.startswith(kind)])
    tell("statistics")
    await _at_once(url, [f"VACUUM (ANALYZE) {table} " for table in COLUMNS])
    tell("figures, as housekeeping makes them")
    await make_figures(database)
    tell("filled")


async def make_figures(database: Database) -> None:
    """The counts of every care team, which the overview adds up."""
    async with database.reading() as session:
        now = await Clock().now(session)
        made = await TeamFigures(session, now).make()
    async with database.begin() as session:
        await keep(session, made, now=now)


async def begin(database: Database, size: Size, *, today: date) -> City:
    """Tables, places, callers and models: all but the people. On either kind of database."""
    await migrate(database)
    await set_up(database, size)
    vault = Vault(MASTER)
    models = await _models(database, vault, size)
    return City(vault, models, size.teams, size.hospitals, size.pharmacies, today, max(1, size.tasks // size.patients))


async def set_up(database: Database, size: Size) -> None:
    """The shipped pathways, the places, and a key for each of ``callers``."""
    async with database.begin() as session:
        now = await Clock().now(session)
        await publish_shipped(session, at=now)
        session.add(Organisation(id="network", kind="network", name="Network", network_id="network"))
        await session.flush()
        places = [("centre", size.centres), ("hospital", size.hospitals), ("pharmacy", size.pharmacies)]
        session.add_all(
            Organisation(id=id_, kind=kind, name=id_.title(), rank=n, parent_id="network", network_id="network")
            for kind, ids in places
            for n, id_ in enumerate(ids)
        )
        await session.flush()
        session.add_all(
            CareTeam(id=team, organisation_id=size.centres[n % len(size.centres)], name=team.title(), capacity=60)
            for n, team in enumerate(size.teams)
        )
        session.add_all(
            ApiKey(hash=hashed(key), id=f"key-{key}"[:40], name=key, role=role, place=place, created=now)
            for key, role, place in callers(size)
        )


def callers(size: Size) -> list[tuple[str, str, str]]:
    """Key, role and place of everybody who asks: a health manager of each of some teams, of a centre, and one of each role."""
    of_teams = [(f"manager-of-{team}", "health_manager", team) for team in size.teams[:50]]
    return [
        *of_teams,
        ("centre", "health_manager", "centre-1"),
        ("coordinator", "coordinator", "*"),
        ("clinic", "clinic", "hospital-1"),
        ("pharmacy", "pharmacy", "pharmacy-1"),
        *((role, role, "*") for role in ("administrator", "approver", "supervisor", "auditor", "gateway")),
    ]


async def _models(database: Database, vault: Vault, size: Size) -> list[Model]:
    """Enrol some people and take their steps, as the product does; read what that made."""
    clock, plans = Clock(), Plans()
    enrolments, steps = Enrolments(database, vault, plans, clock), StepActivities(database, vault, plans, clock)
    async with database.reading() as session:
        today = (await clock.now(session)).date()
    found = []
    for number, tag in enumerate(TAGS):
        somebody = person(900_000_000 + number, on=today - timedelta(days=7 * number), team=size.teams[0])
        enrolled = await enrolments.enrol(replace(somebody, tag=tag))
        if enrolled.patient_id is None:
            raise RuntimeError(f"the model was not enrolled ({enrolled.status}); the benchmark's person no longer fits")
        taken = await steps.take_step(Step(enrolled.patient_id, 1))
        await steps.take_step(Step(enrolled.patient_id, taken.next_step))
        found.append(await _model(database, vault, enrolled.patient_id))
    return found


async def _model(database: Database, vault: Vault, patient_id: str) -> Model:
    async with database.reading() as session:
        patients = Patients(session, vault)
        patient = await patients.get(patient_id)
        assert patient is not None
        assert patient.state is not None
        held = await patients.vault_of(patient_id)
        timeline = list(await session.scalars(select(TimelineRow).where(TimelineRow.patient_id == patient_id)))
        events = list(await session.scalars(select(EventRow).where(EventRow.patient_id == patient_id)))
        pathways = await session.execute(select(Enrolment.pathway, Enrolment.version).where(Enrolment.patient_id == patient_id))
        return Model(
            patient_id,
            _as_dict(patient),
            held.open_bytes(STATE, patient.state),
            [(name, version) for name, version in pathways],
            [(_as_dict(row), held.open_bytes(f"event/{row.seq}", row.sealed)) for row in events],
            [_as_dict(row) for row in await session.scalars(select(StepRow).where(StepRow.patient_id == patient_id))],
            [(_as_dict(row), held.open_bytes(f"timeline/{row.step}/{row.line}", row.sealed)) for row in timeline],
        )


def _as_dict(row: Base) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in type(row).__table__.columns}


@asynccontextmanager
async def postgres_at(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A bare connection, for COPY and for what SQLAlchemy has no words for."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), command_timeout=None)
    try:
        yield connection
    finally:
        await connection.close()


_OURS: dict[str, Any] = {}  # of a process of the pool


def _set_up(url: str, city: City) -> None:
    _OURS.update(url=url, city=city)


def _copy(first: int, last: int, of: int) -> None:
    rows = _OURS["city"].people(first, last, of)
    asyncio.run(copy_in(_OURS["url"], rows))


async def copy_in(url: str, rows: Rows) -> None:
    """COPY ``rows`` into PostgreSQL; that they refer to what is there is not looked at."""
    async with postgres_at(url) as postgres:
        await postgres.execute("SET session_replication_role = replica")
        for table in COLUMNS:
            await postgres.copy_records_to_table(table, columns=COLUMNS[table], records=rows.get(table, ()))


def write_in(file: str, rows: Rows) -> None:
    """The same into a file of SQLite."""
    with sqlite3.connect(file) as connection:
        for table, names in COLUMNS.items():
            places = ", ".join("?" * len(names))
            values = ([_as_text(value) for value in row] for row in rows.get(table, ()))
            connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", values)
    connection.close()


def _as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value


async def _bare(postgres: asyncpg.Connection) -> list[str]:
    """Take indexes and keys off what is filled (the patients' key stays: others refer to it); how to make them again."""
    tables = list(COLUMNS)
    keys = await postgres.fetch(
        "SELECT conrelid::regclass::text AS table, conname, pg_get_constraintdef(oid) AS made FROM pg_constraint "
        "WHERE contype IN ('p', 'u') AND conrelid::regclass::text = ANY($1) AND conrelid::regclass::text <> 'patient'",
        tables,
    )
    for key in keys:
        await postgres.execute(f"ALTER TABLE {key['table']} DROP CONSTRAINT {key['conname']}")
    indexes = await postgres.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY($1) AND indexname <> 'pk_patient'", tables
    )
    for index in indexes:
        await postgres.execute(f"DROP INDEX {index['indexname']}")
    return [
        *(f"ALTER TABLE {key['table']} ADD CONSTRAINT {key['conname']} {key['made']}" for key in keys),
        *(index["indexdef"] for index in indexes),
    ]


async def _at_once(url: str, statements: Sequence[str], *, connections: int = 2) -> None:
    """Two at a time, those of the largest tables first."""
    queue = sorted(statements, key=lambda statement: any(f"{name} " in statement for name in LARGEST))

    async def work() -> None:
        async with postgres_at(url) as postgres:
            while queue:
                await postgres.execute(queue.pop())

    await asyncio.gather(*(work() for _ in range(connections)))
