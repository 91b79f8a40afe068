"""What tests stand on: a database of each kind, and worker processes. Everything is started here and ended here."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from postgres import NoPostgres, Postgres, serving
from spine.supervisor import Breeder, breeding

from records.database import Database, migrate
from tests.kept import FilledOnce, KeptEngine
from tests.lanes import in_lanes

_numbers = count(1)

settings.register_profile("the same", derandomize=True, database=None)  # what fails for one fails for everybody, and only then
settings.load_profile("the same")

gc.disable()  # until everything is imported: none of it ever goes, and to look through it again and again took a tenth of a run


def pytest_xdist_auto_num_workers() -> int:
    """Half as many workers again as there are cores: a good part of the tests waits for a server, not for a core."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


def pytest_collection_finish() -> None:
    """What is here stays; of what tests make, rubbish is looked for every so many objects."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, a share of them for each worker."""
    lanes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = in_lanes(items, lanes, lambda item: item.nodeid.partition("::")[0])


@pytest.fixture(scope="session")
def breeder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breeder]:
    """Forks worker processes that may be killed."""
    with breeding(tmp_path_factory.mktemp("workers") / "stderr.log") as breeder:
        yield breeder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server a session. Without PostgreSQL its tests are skipped, on CI they fail."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(serving(small=True))
        except NoPostgres as missing:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(missing))
        yield running


def _migrated(url: str) -> None:
    async def go() -> None:
        database = Database.open(url)
        await migrate(database)
        await database.close()

    asyncio.run(go())


@pytest.fixture(scope="session")
def fresh_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    file = tmp_path_factory.mktemp("fresh") / "fresh.db"
    _migrated(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def fresh_postgres(postgres: Postgres) -> Postgres:
    """The server, with a migrated database called ``fresh`` to copy."""
    postgres.sql("CREATE DATABASE fresh")
    _migrated(postgres.url("fresh"))
    return postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes databases, on each kind: ``empty``, ``fresh`` (migrated), or as ``filled_once`` left one. They end with the test."""

    fresh = request.getfixturevalue(f"fresh_{'sqlite' if request.param == 'sqlite' else 'postgres'}")
    made: list[str] = []

    def make(template: str) -> str:
        if request.param == "sqlite":
            file = tmp_path / f"{next(_numbers)}.db"
            if template != "empty":
                shutil.copy(fresh.with_name(f"{template}.db"), file)
            return f"sqlite+aiosqlite:///{file}"
        server: Postgres = fresh
        made.append(f"test_{next(_numbers)}")
        return server.copy("template1" if template == "empty" else template, made[-1])

    yield make
    for name in made:
        fresh.drop(name)


@pytest.fixture(scope="session")
def kept_engines() -> Mapping[str, KeptEngine]:
    """By kind of database."""
    return {"sqlite": KeptEngine(), "postgresql": KeptEngine()}


@pytest.fixture(scope="session")
def filled() -> set[tuple[str, str]]:
    """Kinds of database and names of what was filled there."""
    return set()


@pytest.fixture
async def filled_once(
    request: pytest.FixtureRequest,
    new_url: Callable[[str], str],
    kept_engines: Mapping[str, KeptEngine],
    filled: set[tuple[str, str]],
) -> AsyncIterator[FilledOnce]:
    """Makes a database of this name as a function leaves it, which is asked once a session; the test has a copy."""
    kind = request.node.callspec.params["new_url"]
    opened: list[Database] = []

    async def like(name: str, fill: Callable[[Database], Awaitable[None]]) -> Database:
        if (kind, name) not in filled:
            filled.add((kind, name))
            if kind == "sqlite":
                fresh: Path = request.getfixturevalue("fresh_sqlite")
                url = f"sqlite+aiosqlite:///{shutil.copy(fresh, fresh.with_name(f'{name}.db'))}"
            else:
                url = request.getfixturevalue("fresh_postgres").copy("fresh", name)
            template = Database.open(url)
            await fill(template)
            await template.close()
        opened.append(kept_engines[kind].turned_to(new_url(name)))
        return opened[-1]

    yield like
    for database in opened:
        await database.close()


@pytest.fixture
async def database(new_url: Callable[[str], str], kept_engines: Mapping[str, KeptEngine]) -> AsyncIterator[Database]:
    """A migrated database, empty of records: once SQLite, once PostgreSQL."""
    url = new_url("fresh")
    database = kept_engines[url.partition("+")[0]].turned_to(url)
    yield database
    await database.close()


@pytest.fixture
async def empty_database(new_url: Callable[[str], str]) -> AsyncIterator[Database]:
    """A database without any table: once SQLite, once PostgreSQL."""
    database = Database.open(new_url("empty"))
    yield database
    await database.close()
