"""A backup is one that was opened, holds no master key, and comes back only where nothing is."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from postgres import Postgres
from sqlalchemy import func, select

from records.database import Database
from records.patients import NewPatient, Patients, Profile
from records.tables import CareTeam, Organisation, Patient
from records.vault import Vault
from workers.backup import Manifest, NotBackedUp, back_up, restore

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
VAULT = Vault(bytes(range(32)))


async def add_people(database: Database, count: int) -> None:
    async with database.begin() as session:
        if await session.get(CareTeam, "team-1") is None:
            session.add(Organisation(id="network", network_id="network", kind="network", name="Network"))
            await session.flush()
            session.add(CareTeam(id="team-1", organisation_id="network", name="Team"))
            await session.flush()
        for number in range(count):
            new = NewPatient(Profile(given=f"Anna {number}", born=date(1960, 5, 5)), "team-1", "en", "Asia/Shanghai")
            await Patients(session, VAULT).add(new, at=NOW)


@pytest.fixture
def tools(database: Database) -> None:
    """PostgreSQL's own tools where the database is one."""
    if not database.is_sqlite and (shutil.which("pg_dump") is None or shutil.which("pg_restore") is None):
        missing = "pg_dump is missing: apt-get install postgresql-client"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


async def _count(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(Patient)) or 0


@pytest.mark.usefixtures("tools")
async def test_a_backup_made_while_people_are_enrolled_comes_back_whole(
    database: Database, new_url: Callable[[str], str], tmp_path: Path
) -> None:
    await add_people(database, 3)
    writing = asyncio.create_task(add_people(database, 20))
    folder, manifest = await back_up(database, tmp_path / "backups", now=NOW)
    await writing
    assert manifest.counts["patient"] in (3, 23)
    assert manifest.master == (VAULT.name,)
    assert Manifest.read(folder) == manifest
    assert {file.name for file in folder.iterdir()} == {"manifest.json", manifest.file}
    assert (folder / manifest.file).stat().st_mode & 0o077 == 0
    assert VAULT.master not in (folder / manifest.file).read_bytes()
    empty = Database.open(new_url("empty"))
    try:
        await restore(empty, folder, master=VAULT.name)
        assert await _count(empty) >= manifest.counts["patient"]
        async with empty.reading() as session:
            patient = (await session.scalars(select(Patient).limit(1))).one()
            assert (await Patients(session, VAULT).profile(patient)).given.startswith("Anna")
    finally:
        await empty.close()


@pytest.mark.usefixtures("tools")
async def test_nothing_is_brought_back_over_people_nor_with_another_key_nor_from_a_changed_file(
    database: Database, new_url: Callable[[str], str], tmp_path: Path
) -> None:
    await add_people(database, 2)
    folder, manifest = await back_up(database, tmp_path, now=NOW)
    with pytest.raises(NotBackedUp, match="only brought back into an empty one"):
        await restore(database, folder, master=VAULT.name)
    with pytest.raises(NotBackedUp, match="belongs to the master key"):
        await restore(database, folder, master="another")
    with pytest.raises(NotBackedUp, match=r"no manifest\.json"):
        await restore(database, tmp_path, master=VAULT.name)
    with (folder / manifest.file).open("ab") as file:
        file.write(b"!")
    empty = Database.open(new_url("empty"))
    try:
        with pytest.raises(NotBackedUp, match="sha256 differs"):
            await restore(empty, folder, master=VAULT.name)
    finally:
        await empty.close()
    assert await _count(database) == 2


async def test_without_postgresqls_tools_it_is_said_how_to_get_them_and_nothing_is_left(
    fresh_postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database.open(fresh_postgres.url("fresh"))
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        with pytest.raises(NotBackedUp, match="pg_dump is not on the PATH; install PostgreSQL's client tools"):
            await back_up(database, tmp_path / "backups", now=NOW)
    finally:
        await database.close()
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_manifest_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(NotBackedUp, match="cannot be read"):
        Manifest.read(tmp_path)
