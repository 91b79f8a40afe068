"""What tests stand on: a database of each kind, and worker processes. Everything is started here and ended here."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from postgres import NoPostgres, Postgres, serving
from spine.supervisor import Breeder, breeding

from records.database import Database, migrate
from tests.kept import KeptEngine

_numbers = count(1)


def pytest_xdist_auto_num_workers() -> int:
    """Half as many workers again as there are cores: a good part of the tests waits for a server, not for a core."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that start servers and processes, and mostly wait for them, come first: begun last, they would be waited for."""
    items.sort(key=lambda item: not item.nodeid.startswith(("tests/spine/", "tests/api/test_contract.py")))


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
            running = stack.enter_context(serving())
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
    file = tmp_path_factory.mktemp("fresh") / "cairn.db"
    _migrated(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def fresh_postgres(postgres: Postgres) -> Postgres:
    """The server, with a migrated database called ``fresh`` to copy."""
    postgres.sql("CREATE DATABASE fresh")
    _migrated(postgres.url("fresh"))
    return postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes databases: ``empty`` or ``fresh`` (migrated), on each kind of database."""

    fresh = request.getfixturevalue(f"fresh_{'sqlite' if request.param == 'sqlite' else 'postgres'}")

    def make(template: str) -> str:
        if request.param == "sqlite":
            file = tmp_path / f"{next(_numbers)}.db"
            if template == "fresh":
                shutil.copy(fresh, file)
            return f"sqlite+aiosqlite:///{file}"
        server: Postgres = fresh
        name = f"test_{next(_numbers)}"
        return server.copy("fresh" if template == "fresh" else "template1", name)

    return make


@pytest.fixture(scope="session")
def kept_engines() -> Mapping[str, KeptEngine]:
    """By kind of database."""
    return {"sqlite": KeptEngine(), "postgresql": KeptEngine()}


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
