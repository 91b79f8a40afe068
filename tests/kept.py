"""What is made once in a session and used by one test after the other, since making it is a good part of what a test costs.

Rule 1: nothing that a test does stays in it: databases, connections and parts are each test's own.
Rule 2: a test that listens to a kept engine stops listening at its end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from sqlalchemy import event, make_url

from activities.seeing.readiness import Ready
from api.app import create_app
from api.parts import ApiParts
from records.database import Database

#: Makes a database of a name as a function leaves it, which is asked for it once a session.
FilledOnce = Callable[[str, Callable[[Database], Awaitable[None]]], Awaitable[Database]]


@dataclass
class KeptEngine:
    """An engine, with what SQLAlchemy made of our queries, that is turned to one database after the other of its kind.

    Each is given back with ``await database.close()``.
    """

    _opened: Database | None = None
    _name: str = ""

    def turned_to(self, url: str) -> Database:
        """The database at ``url``; the one before is closed."""
        if self._opened is None:
            self._opened = Database.open(url)
            event.listen(self._opened.engine.sync_engine, "do_connect", self._point)
        self._opened.engine.sync_engine.url = made = make_url(url)
        self._name = made.database or ""
        return Database.over(self._opened.engine)

    def _point(self, _dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> None:
        """Just before a connection is made: by name on PostgreSQL, by file on SQLite."""
        if arguments:
            arguments[0] = self._name
        else:
            options["database"] = self._name


@contextmanager
def heard(database: Database, asked: list[str]) -> Iterator[None]:
    """Every statement that is sent meanwhile is added to ``asked``."""

    def hear(*told: Any) -> None:
        asked.append(told[2])

    event.listen(database.engine.sync_engine, "before_cursor_execute", hear)
    try:
        yield
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", hear)


_at_rest: list[FastAPI] = []
_described: dict[str, Any] = {}


def described(parts: ApiParts) -> dict[str, Any]:
    """The API's own description, which is the same whatever its parts; to be read only."""
    if not _described:
        _described.update(create_app(parts).openapi())
    return _described


@contextmanager
def kept_app(parts: ApiParts) -> Iterator[FastAPI]:
    """The application over ``parts``, as ``create_app`` makes it; its routes were perhaps made for an earlier test.

    Whoever adds a route, a middleware or an override to an application makes one with ``create_app``.
    """
    if parts.cds_origins:  # a middleware of its own
        yield create_app(parts)
        return
    app = _at_rest.pop() if _at_rest else create_app(parts)
    app.state.parts, app.state.seeing = parts, parts.seeing
    app.state.ready = Ready(parts.database, parts.temporal_answers, metrics=parts.seeing.metrics)
    yield app
    _at_rest.append(app)
