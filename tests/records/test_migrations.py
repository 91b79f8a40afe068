"""The tables: up from nothing, down to nothing, and a clear sentence wherever they are not what this code needs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Boolean, Connection, Date, DateTime, Integer, LargeBinary, MetaData, Table, inspect, select, text
from sqlalchemy.exc import DBAPIError

from records.database import Database, DatabaseNotReady, check_ready, head, migrate, migrate_back
from records.tables import Base


def _tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version", "sqlite_sequence"}


async def test_an_empty_database_becomes_every_table_and_can_be_taken_down_again(empty_database: Database) -> None:
    await migrate(empty_database)
    await check_ready(empty_database)
    async with empty_database.engine.connect() as connection:
        assert await connection.run_sync(_tables) == set(Base.metadata.tables)
    await migrate_back(empty_database, "base")
    async with empty_database.engine.connect() as connection:
        assert await connection.run_sync(_tables) == set()
    await migrate(empty_database)
    await check_ready(empty_database)


async def test_the_migrations_make_what_the_tables_say(database: Database) -> None:
    async with database.engine.connect() as connection:
        differences = await connection.run_sync(
            lambda c: compare_metadata(MigrationContext.configure(c, opts={"compare_type": True}), Base.metadata)
        )
    assert differences == []


async def test_an_empty_database_is_said_to_be_empty(empty_database: Database) -> None:
    with pytest.raises(DatabaseNotReady, match=r"^The database is empty; set it up with: cairn db upgrade$"):
        await check_ready(empty_database)


async def test_a_database_of_a_newer_cairn_is_not_touched(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseNotReady, match="9999, which this older Cairn does not know; install the newer one"):
        await check_ready(database)


async def test_a_database_one_migration_behind_is_told_the_command(database: Database) -> None:
    with pytest.raises(DatabaseNotReady, match=f"at revision {head()}, this Cairn needs next; run: cairn db upgrade"):
        await check_ready(database, wanted="next")


def _fill(connection: Connection) -> None:
    """One row in every table there is; rows of tables that refer to others refer to theirs."""
    metadata = MetaData()
    metadata.reflect(connection)
    for table in metadata.sorted_tables:
        if table.name != "alembic_version":
            connection.execute(table.insert().values({column.name: _sample(table, column.name) for column in table.columns}))


def _sample(table: Table, name: str) -> Any:
    column = table.columns[name]
    for kind, value in (
        (Boolean, True),
        (Integer, 1),
        (DateTime, datetime(2025, 3, 3, 9, tzinfo=UTC).replace(tzinfo=None)),
        (Date, date(2025, 3, 3)),
        (LargeBinary, b"sealed"),
    ):
        if isinstance(column.type, kind):
            return value
    if name == "role":
        return "hospital"
    if "JSON" in str(column.type):
        return ["message|0|m1"]
    return "x" if column.foreign_keys or name in ("id", "patient_id") else name[:3]


def _rows(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    metadata = MetaData()
    metadata.reflect(connection)
    kept = [table for table in metadata.sorted_tables if table.name != "alembic_version"]
    return {
        table.name: [tuple(row) for row in connection.execute(select(*sorted(table.columns, key=lambda c: c.name)))]
        for table in kept
    }


async def test_patients_of_the_first_release_come_through_every_revision_and_back(empty_database: Database) -> None:
    await migrate(empty_database, "0001")
    async with empty_database.engine.connect() as connection:
        await connection.run_sync(_fill)
        await connection.commit()
        before = await connection.run_sync(_rows)
    await migrate(empty_database)
    await check_ready(empty_database)
    async with empty_database.engine.connect() as connection:
        tree = await connection.execute(text("SELECT id, parent_id, network_id FROM organisation ORDER BY id"))
        assert [tuple(row) for row in tree] == [("network", None, "network"), ("x", "network", "network")]
        assert (await connection.execute(text("SELECT role FROM api_key"))).scalar() == "clinic"
    await migrate_back(empty_database, "0001")
    async with empty_database.engine.connect() as connection:
        after = await connection.run_sync(_rows)
    assert after == before
    assert all(len(rows) == 1 for rows in after.values())


@pytest.mark.parametrize("change", ["UPDATE audit SET status = 1", "DELETE FROM audit", "DELETE FROM audit_subject"])
async def test_the_audit_log_refuses_to_be_changed(database: Database, change: str) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO audit (chain, seq, at, who, role, place, action, record, patients, status, request, previous, hash) "
                "VALUES ('c', 1, '2025-03-03', 'k', 'doctor', '*', 'patients.read', 'p', '[]', 200, 'r', '', 'h')"
            )
        )
        await connection.execute(text("INSERT INTO audit_subject (patient_id, chain, seq) VALUES ('p', 'c', 1)"))
    with pytest.raises(DBAPIError, match="only added to"):
        async with database.engine.begin() as connection:
            await connection.execute(text(change))
