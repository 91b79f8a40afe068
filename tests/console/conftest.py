"""The tests' network, served on loopback, with a browser on it.

Rule: every test here runs in the session's event loop, since the browser does, which is started once: an async fixture says
``loop_scope="session"``. A test that marks itself with another loop has a browser of its own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from postgres import Postgres

from records.database import Database
from tests.api.conftest import Network, fresh_network, network_like, network_over, settled_in
from tests.api.serving import served
from tests.console.browsing import Browsing, browsing, launched
from tests.kept import KeptEngine

__all__ = ["fresh_network"]

HERE = Path(__file__).parent
#: What the pages are kept in: on CI the database that refuses more, else the one that needs no server to be started.
PAGES_ON = os.environ.get("CAIRN_PAGES_ON") or ("postgresql" if os.environ.get("CI") else "sqlite")
_numbers = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One loop for all who share the browser."""
    for item in items:
        marked = item.get_closest_marker("asyncio") if HERE in item.path.parents else None
        if marked is not None and not marked.kwargs:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium_of_all() -> AsyncIterator[Browser]:
    """Started once a worker: it costs a second, and a test's pages have a context of their own anyway."""
    async with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def postgres_network(request: pytest.FixtureRequest) -> Postgres | None:
    """PostgreSQL with a database ``network`` to copy; None where pages are kept in SQLite, or where there is none."""
    if PAGES_ON != "postgresql":
        return None
    try:
        server: Postgres = request.getfixturevalue("fresh_postgres")
    except pytest.skip.Exception:
        return None
    asyncio.run(settled_in(server.copy("fresh", "network")))
    return server


@pytest_asyncio.fixture(loop_scope="session")
async def network(
    postgres_network: Postgres | None, kept_engines: Mapping[str, KeptEngine], fresh_network: Path, tmp_path: Path
) -> AsyncIterator[Network]:
    """The network over PAGES_ON."""
    if postgres_network is None:
        async with network_like(fresh_network, tmp_path) as network:
            yield network
        return
    name = f"pages_{next(_numbers)}"
    database = kept_engines["postgresql"].turned_to(postgres_network.copy("network", name))
    async with network_over(database, tmp_path) as network:
        yield network
    await database.close()
    postgres_network.drop(name)


@pytest_asyncio.fixture(loop_scope="session")
async def database(new_url: Callable[[str], str], kept_engines: Mapping[str, KeptEngine]) -> AsyncIterator[Database]:
    """A migrated database, empty of records: once SQLite, once PostgreSQL."""
    url = new_url("fresh")
    database = kept_engines[url.partition("+")[0]].turned_to(url)
    yield database
    await database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(network: Network, chromium_of_all: Browser) -> AsyncIterator[Browsing]:
    """A browser on the network; ``person(key)`` is somebody signed in."""
    async with served(network.parts) as site, browsing(site.url, chromium_of_all) as it:
        yield it
