"""SQLite called where we stand, instead of through a thread for every statement.

aiosqlite hands each statement, fetch and close to a thread and back: about 0.8 ms of CPU a query where SQLite itself takes some
0.02. A query by key on a file that is at hand is shorter than the hand-over, so here the event loop makes it itself
(docs/decisions/0006). SQLAlchemy's own aiosqlite dialect drives this connection; only the few calls it makes are here.

Rule 1: nothing in here waits for a lock: ``busy_timeout`` is 0, and ``Database.begin`` waits for its turn without holding the loop.
Rule 2: long reports belong on PostgreSQL; a statement in here holds the loop while it runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Self


class LoopCursor:
    """A cursor whose calls are over when they return."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self.arraysize = cursor.arraysize

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        self._cursor.execute(statement, parameters)
        return self

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> Self:
        self._cursor.executemany(statement, parameters)
        return self

    async def fetchone(self) -> Any:
        return self._cursor.fetchone()

    async def fetchmany(self, size: int | None = None) -> Any:
        return self._cursor.fetchmany(size if size is not None else self.arraysize)

    async def fetchall(self) -> Any:
        return self._cursor.fetchall()

    async def close(self) -> None:
        self._cursor.close()


class LoopConnection:
    """A connection of this thread; ``_connection`` and ``_conn`` are what the dialect looks for."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: sqlite3.Connection | None = connection

    @property
    def _conn(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ValueError("no active connection")
        return self._connection

    @property
    def isolation_level(self) -> str | None:
        return self._conn.isolation_level

    def cursor(self) -> LoopCursor:
        return LoopCursor(self._conn.cursor())

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> LoopCursor:
        return await self.cursor().execute(statement, parameters)

    async def create_function(self, *given: Any, **named: Any) -> None:
        self._conn.create_function(*given, **named)

    async def commit(self) -> None:
        self._conn.commit()

    async def rollback(self) -> None:
        self._conn.rollback()

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def stop(self) -> None:
        """Called where the loop is gone."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")


async def connect(database: str, **options: Any) -> LoopConnection:
    """Open as SQLAlchemy asks for it. Transactions are begun by us: the driver would do so too late."""
    options["isolation_level"] = None
    options["timeout"] = 5.0  # for the pragmas, which need a moment of the file's lock
    connection = sqlite3.connect(database, **options)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA busy_timeout=0")
    return LoopConnection(connection)
