"""Reaching the database: SQLite in WAL mode on a laptop, PostgreSQL in a city; the same tables, the same behaviour."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from asyncpg import PostgresError
from sqlalchemy import Connection, event, func, select
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from records import sqlite_in_loop

MIGRATIONS = Path(__file__).parent / "migrations"
KEPT = "kept"  # in a session's ``info``: a dict of its Database, for what need not be read again each time
LONGEST_WAIT = 30.0  # seconds for the write lock of SQLite
LOOKS_EVERY = 0.005
RESTED = 1.0  # seconds after which a connection of PostgreSQL is asked whether it is still there
PREPARED = 500  # statements that a connection keeps; beyond them each one costs another round trip


class DatabaseNotReady(RuntimeError):
    """The database cannot be used as it is; the message says what to do."""


class DatabaseAway(SQLAlchemyError):
    """The database does not answer. Whether the last transaction was stored is known only by asking again."""


@dataclass(frozen=True)
class Database:
    """An open database. ``begin`` gives one transaction, committed at its end."""

    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    turn: asyncio.Lock  # writers of this process take turns; SQLite would let them poll for each other

    @classmethod
    def open(cls, url: str) -> Database:
        """Open ``sqlite+aiosqlite:///file`` or ``postgresql+asyncpg://...``; nothing is read yet."""
        options: dict[str, Any] = {"hide_parameters": True}  # an error's text ends in logs and in Temporal
        if url.startswith("sqlite"):
            options["connect_args"] = {"async_creator_fn": sqlite_in_loop.connect}
            options["pool_size"] = 5
        else:
            options["pool_size"], options["max_overflow"] = 10, 10
            # Names and statuses are skewed. After five executions PostgreSQL would keep one plan for all of them, made for a rare
            # name; over a million patients it answers the commonest one in 250 ms instead of 20.
            settings = {"plan_cache_mode": "force_custom_plan"}
            options["connect_args"] = {"server_settings": settings, "prepared_statement_cache_size": PREPARED}
        engine = create_async_engine(url, **options)
        if not url.startswith("sqlite"):
            _ask_those_who_rested(engine)
        return cls.over(engine)

    @classmethod
    def over(cls, engine: AsyncEngine) -> Database:
        """What an engine reaches, of which nothing is known yet."""
        return cls(engine, async_sessionmaker(engine, expire_on_commit=False, info={KEPT: {}}), asyncio.Lock())

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """One transaction for writing; on SQLite it takes the write lock at once, so that it never fails half-way.

        Raises DatabaseAway.
        """
        with _away_is_said():
            if not self.is_sqlite:
                async with self.sessions() as session, session.begin():
                    await _connected(session)
                    yield session
                return
            async with self.turn, self.sessions() as session, session.begin():
                await _take_the_write_lock(session)
                yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """For reading only. On PostgreSQL each statement stands alone: it sees what is committed, as it would within a transaction
        of the level that is used here, without two round trips more. Raises DatabaseAway.
        """
        with _away_is_said():
            async with self.sessions() as session, session.begin():
                if self.is_sqlite:
                    await (await _connected(session)).exec_driver_sql("BEGIN")
                else:
                    await _connected(session, isolation_level="AUTOCOMMIT")
                yield session

    async def at_once(self, statement: str, *given: object) -> None:
        """One statement of PostgreSQL's that is a transaction by itself, with what stands for $1, $2 ... Raises DatabaseAway."""
        with _away_is_said():
            async with self.sessions() as session:
                connection = await _connected(session, isolation_level="AUTOCOMMIT")
                await connection.exec_driver_sql(statement, given)

    async def close(self) -> None:
        await self.engine.dispose()


@contextmanager
def _away_is_said() -> Iterator[None]:
    try:
        yield
    except DBAPIError as fault:
        if fault.connection_invalidated or isinstance(fault, OperationalError | InterfaceError):
            raise DatabaseAway("the database does not answer") from fault
        raise


async def _connected(session: AsyncSession, **options: Any) -> AsyncConnection:
    try:
        return await session.connection(execution_options=options)
    except (OSError, PoolTimeout, PostgresError, DBAPIError) as fault:  # nothing was asked yet: it starts, stops, or is full
        raise DatabaseAway("the database does not answer") from fault


def _ask_those_who_rested(engine: AsyncEngine) -> None:
    """A connection that was used a moment ago is taken as it is; asking each time is three round trips a transaction."""
    dialect = engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def rests(connection: Any, record: Any) -> None:
        record.info["rests since"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def is_taken(connection: Any, record: Any, _: Any) -> None:
        since = record.info.get("rests since")
        if since is None:  # it is new
            return
        if connection.driver_connection.is_closed():  # the server said good-bye, or died
            raise InvalidatePoolError
        if time.monotonic() - since > RESTED:
            try:
                dialect.do_ping(connection)
            except dialect.loaded_dbapi.Error as gone:
                raise InvalidatePoolError from gone


async def take_turns(session: AsyncSession, about: str) -> None:
    """Until this transaction ends, whoever takes turns about the same waits here."""
    if session.get_bind().dialect.name != "sqlite":  # which has one writer anyway
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(about))))


async def _take_the_write_lock(session: AsyncSession) -> None:
    """Wait for another process's transaction to end, without holding the event loop meanwhile. Raises OperationalError."""
    connection = await session.connection()
    until = asyncio.get_running_loop().time() + LONGEST_WAIT
    while True:
        try:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except OperationalError as refused:
            if "locked" not in str(refused.orig) or asyncio.get_running_loop().time() > until:
                raise
        await asyncio.sleep(LOOKS_EVERY)


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's settings, without a file: the migrations ship with the package."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


@cache
def head() -> str:
    """The newest revision that this code knows; every migration is read for it, once."""
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    return newest or ""


@cache
def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions())


async def migrate(database: Database, revision: str = "head") -> None:
    """Bring the database up to ``revision``; all of it or nothing."""
    await _run(database, lambda connection: command.upgrade(alembic_config(connection), revision))


async def migrate_back(database: Database, revision: str) -> None:
    """Bring the database back to an older ``revision``, for an older Cairn; what only the newer one keeps is lost."""
    await _run(database, lambda connection: command.downgrade(alembic_config(connection), revision))


async def _run(database: Database, change: Callable[[Connection], None]) -> None:
    async with database.engine.connect() as connection:
        if not database.is_sqlite:
            await connection.run_sync(change)
            await connection.commit()
            return
        # SQLite changes a table by making it anew: what refers to it must bear that for a moment.
        await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            await connection.run_sync(change)
            broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).first()
            if broken is not None:
                raise DatabaseNotReady(f"the change would leave rows of {broken[0]} that refer to nothing; nothing was changed")
            await connection.commit()
        finally:
            await connection.rollback()
            await connection.exec_driver_sql("PRAGMA foreign_keys=ON")


async def check_ready(database: Database, *, wanted: str | None = None) -> None:
    """Raises DatabaseNotReady, in one sentence, unless the database is at ``wanted`` (this code's newest revision)."""
    async with database.engine.connect() as connection:
        found = await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    wanted = wanted or head()
    if found is None:
        raise DatabaseNotReady("The database is empty; set it up with: cairn db upgrade")
    if found != wanted:
        if found in _known():
            raise DatabaseNotReady(f"The database is at revision {found}, this Cairn needs {wanted}; run: cairn db upgrade")
        raise DatabaseNotReady(f"The database is at revision {found}, which this older Cairn does not know; install the newer one")
