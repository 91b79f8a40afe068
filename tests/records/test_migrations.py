"""The tables: up from nothing, down to nothing, and a clear sentence wherever they are not what this code needs."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from records.database import Database, DatabaseNotReady, alembic_config, check_ready, head, migrate
from records.tables import Base


def _tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version", "sqlite_sequence"}


async def test_an_empty_database_becomes_every_table_and_can_be_taken_down_again(empty_database: Database) -> None:
    await migrate(empty_database)
    await check_ready(empty_database)
    async with empty_database.engine.connect() as connection:
        assert await connection.run_sync(_tables) == set(Base.metadata.tables)
        await connection.run_sync(lambda c: command.downgrade(alembic_config(c), "base"))
        await connection.commit()
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
