"""Copies of the database that are known to open, and bringing one back.

Rule 1: a copy is made while the installation runs, of one moment; it never holds the master key.
Rule 2: a copy that was not opened and counted is no backup: only then its manifest is written.
Rule 3: nothing is brought back over anything: only into a database without tables.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, inspect, select
from sqlalchemy.engine import URL

from records.database import Database, check_ready, head
from records.tables import Base

MANIFEST = "manifest.json"
COUNTED = ("patient", "person_key", "event", "step", "task", "delivery", "message", "referral", "refill", "audit")
ONLY_GROW = ("patient", "event", "step", "audit")
A_BLOCK = 1 << 20


class NotBackedUp(RuntimeError):
    """No backup was made, or one cannot be brought back; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is. ``counts``: rows by table as they are in the copy; ``master``: names of the keys that open it."""

    made: str
    kind: str
    file: str
    sha256: str
    size: int
    revision: str
    counts: Mapping[str, int]
    master: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Raises NotBackedUp."""
        try:
            body = json.loads((folder / MANIFEST).read_text("utf-8"))
            return cls(**{**body, "master": tuple(body["master"])})
        except FileNotFoundError:
            raise NotBackedUp(f"{folder} holds no backup: there is no {MANIFEST}; name the folder that cairn backup made") from None
        except (OSError, ValueError, TypeError, KeyError):
            raise NotBackedUp(f"{folder / MANIFEST} cannot be read; use another backup") from None

    @property
    def made_at(self) -> datetime:
        return datetime.fromisoformat(self.made)


async def back_up(database: Database, to: Path, *, now: datetime) -> tuple[Path, Manifest]:
    """Make a backup in a new folder beneath ``to``; answers the folder. Raises NotBackedUp, DatabaseNotReady."""
    await check_ready(database)
    url = database.engine.url
    folder = to / f"cairn-{now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as refused:
        raise NotBackedUp(f"{folder} cannot be made ({refused.strerror}); use a folder that this user may write to") from None
    try:
        if database.is_sqlite:
            file = folder / "cairn.db"
            await asyncio.to_thread(_copy_sqlite, Path(str(url.database)), file)
            counts, masters = await asyncio.to_thread(_look_into_sqlite, file)
        else:
            file = folder / "cairn.dump"
            counts, masters = await _count(database)  # before: what is dumped is at least this
            await _tool("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")
            await _tool("pg_restore", None, f"--file={os.devnull}", str(file))  # reads all of it
        file.chmod(0o600)
        sha256, size = await asyncio.to_thread(_sum, file), file.stat().st_size
        kind = "sqlite" if database.is_sqlite else "postgresql"
        manifest = Manifest(now.isoformat(), kind, file.name, sha256, size, head(), counts, tuple(masters))
        (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # half a backup would be taken for one
        raise
    return folder, manifest


async def restore(database: Database, folder: Path, *, master: str) -> Manifest:
    """Bring a backup back into a database without tables. ``master``: the name of the key at hand. Raises NotBackedUp."""
    manifest = Manifest.read(folder)
    if manifest.master and master not in manifest.master:
        raise NotBackedUp(
            f"the backup belongs to the master key {', '.join(manifest.master)}, the one at hand is {master}; "
            "set CAIRN_MASTER_KEY to the key that was kept apart from the backups"
        )
    file = folder / Path(manifest.file).name
    kind = "sqlite" if database.is_sqlite else "postgresql"
    if manifest.kind != kind:
        raise NotBackedUp(f"the backup is of {manifest.kind}, CAIRN_DATABASE_URL names {kind}; use a database of the same kind")
    if not file.is_file() or await asyncio.to_thread(_sum, file) != manifest.sha256:
        raise NotBackedUp(f"{file} is not what was backed up (its sha256 differs); use another backup")
    async with database.engine.connect() as connection:
        tables = await connection.run_sync(lambda c: inspect(c).get_table_names())
    if tables:
        raise NotBackedUp("the database holds tables already; a backup is only brought back into an empty one")
    url = database.engine.url
    if database.is_sqlite:
        await database.close()
        await asyncio.to_thread(_copy_sqlite, file, Path(str(url.database)))
    else:
        await _tool("pg_restore", url, "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", str(file))
    counts, _ = await _count(database)
    short = [name for name in ONLY_GROW if counts[name] < manifest.counts.get(name, 0)]
    if short:
        raise NotBackedUp(f"the table {short[0]} has fewer rows than were backed up; use another backup")
    return manifest


async def _count(database: Database) -> tuple[dict[str, int], list[str]]:
    tables = Base.metadata.tables
    async with database.reading() as session:
        counts = {name: await session.scalar(select(func.count()).select_from(tables[name])) or 0 for name in COUNTED}
        masters = select(tables["person_key"].c.master).distinct().order_by(tables["person_key"].c.master)
        return counts, [str(master) for master in await session.scalars(masters)]


def _copy_sqlite(source: Path, to: Path) -> None:
    """A copy of one moment, while others write."""
    if not source.is_file():
        raise NotBackedUp(f"there is no database at {source}")
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as there, closing(sqlite3.connect(to)) as here:
        there.backup(here)
        here.execute("PRAGMA journal_mode=DELETE")


def _look_into_sqlite(file: Path) -> tuple[dict[str, int], list[str]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as copy:
        (found,) = copy.execute("PRAGMA integrity_check").fetchone()
        if found != "ok":
            raise NotBackedUp("the copy is damaged; look at the disk, and at the database with: cairn doctor")
        counts = {name: copy.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in COUNTED}
        return counts, [name for (name,) in copy.execute("SELECT DISTINCT master FROM person_key ORDER BY 1")]


async def _tool(name: str, url: URL | None, *arguments: str) -> str:
    """Run a tool of PostgreSQL; the password goes by the environment, which other users do not see. Raises NotBackedUp."""
    found = shutil.which(name)
    if found is None:
        raise NotBackedUp(f"{name} is not on the PATH; install PostgreSQL's client tools, of the server's version or newer")
    environment = {**os.environ}
    where: list[str] = []
    if url is not None:
        host = url.host or url.query.get("host")
        given = {"--host": host, "--port": url.port, "--username": url.username, "--dbname": url.database}
        where = [f"{option}={value}" for option, value in given.items() if value]
        if url.password:
            environment["PGPASSWORD"] = str(url.password)
    running = await asyncio.create_subprocess_exec(
        found, *where, *arguments, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        said, wrong = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    if running.returncode:
        # The first line only: later ones may quote rows.
        first = (wrong.decode(errors="replace").strip().splitlines() or ["no reason given"])[0]
        raise NotBackedUp(f"{name} ended with {running.returncode}: {first[:200]}")
    return said.decode(errors="replace")


def _sum(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as read:
        while block := read.read(A_BLOCK):
            digest.update(block)
    return digest.hexdigest()
