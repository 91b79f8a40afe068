"""The file of the fake Twilio: messages, what is to become of them, webhooks to be called, opt-outs.

Every call is one short transaction on one connection, made in the event loop: SQLite in WAL mode answers in far less time
than a thread takes to be woken. Moments are ISO 8601 in UTC; ``due`` is real time, seconds since 1970.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from workers.twilio_fake.shapes import Sms

_TABLES = """
create table if not exists message (
    n integer primary key autoincrement, sid text not null unique, direction text not null, from_ text not null,
    to_ text not null, body text not null, status text not null, error_code integer, service text not null,
    segments integer not null, media integer not null, created text not null, updated text not null, sent text, price text,
    callback text not null, redacted integer not null default 0, lot integer not null, deleted integer not null default 0,
    listed real not null);
create index if not exists message_by_to on message (to_);
create table if not exists step (
    n integer primary key autoincrement, sid text not null, due real not null, status text not null, error_code integer);
create index if not exists step_by_due on step (due);
create index if not exists step_by_sid on step (sid);
create table if not exists callback (
    n integer primary key autoincrement, sid text not null, due real not null, url text not null, form text not null,
    token text not null, status text not null, outcome text not null default '');
create index if not exists callback_waiting on callback (due) where outcome = '';
create index if not exists callback_by_sid on callback (sid);
create table if not exists opt_out (sender text not null, phone text not null, primary key (sender, phone));
create table if not exists number (number text primary key, code integer not null);
create table if not exists content (sid text primary key, body text not null);
create table if not exists setting (name text primary key, value text not null);
"""
_COLUMNS = (
    "n, sid, direction, from_, to_, body, status, error_code, service, segments, media, created, updated, sent, price, callback, "
    "redacted, lot"
)

_FIELDS = [name.strip() if name.strip() != "to_" else "to" for name in _COLUMNS.split(",")]


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of a message at ``due``."""

    n: int
    sid: str
    due: float
    status: str
    error_code: int | None


@dataclass(frozen=True, slots=True)
class Callback:
    """A webhook to be called at ``due``. ``token``: the same when the same thing is told again."""

    n: int
    sid: str
    due: float
    url: str
    form: dict[str, str]
    token: str
    status: str
    outcome: str


class Store:
    """Opens ``file``, or makes it."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, isolation_level=None, timeout=30, check_same_thread=False)
        for statement in ("pragma journal_mode = wal", "pragma synchronous = normal"):
            self._db.execute(statement).fetchall()
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """What was written stays."""
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written inside is written at once, or not at all."""
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    # --- messages
    def add(self, sms: Sms, *, listed: float, steps: Sequence[tuple[float, str, int | None]] = ()) -> Sms:
        """Keep a new message (its ``n`` is given here) and what is to become of it: due, status, error code."""
        row: tuple[object, ...] = (sms.sid, sms.direction, sms.from_, sms.to, sms.body, sms.status, sms.error_code, sms.service)
        row += (sms.segments, sms.media, sms.created.isoformat(), sms.updated.isoformat(), _text(sms.sent), sms.price)
        row += (sms.callback, sms.lot, listed)
        with self.together():
            self._db.execute(
                "insert into message (sid, direction, from_, to_, body, status, error_code, service, segments, media, created, "
                f"updated, sent, price, callback, lot, listed) values ({', '.join('?' * len(row))})",
                row,
            )
            self._db.executemany(
                "insert into step (sid, due, status, error_code) values (?, ?, ?, ?)",
                [(sms.sid, due, status, code) for due, status, code in steps],
            )
        return sms

    def fetch(self, sid: str, *, deleted: bool = False) -> Sms | None:
        """The message, unless it was deleted."""
        found = self._all(f"select {_COLUMNS} from message where sid = ? and (deleted = 0 or ?)", (sid, deleted))
        return _sms(found[0]) if found else None

    def change(self, sid: str, **values: Any) -> None:
        """Set columns of a message."""
        names = ", ".join(f"{name} = ?" for name in values)
        given = [value.isoformat() if isinstance(value, datetime) else value for value in values.values()]
        self._db.execute(f"update message set {names} where sid = ?", (*given, sid))

    def page(self, where: Sequence[tuple[str, object]], *, behind: str, limit: int) -> list[Sms]:
        """The newest first, behind the message ``behind``; ``where``: conditions with one mark each."""
        conditions = ["deleted = 0", "listed <= ?", *(condition for condition, _ in where)]
        values: list[object] = [time.time(), *(value for _, value in where)]
        if behind:
            conditions.append("n < coalesce((select n from message where sid = ?), 0)")
            values.append(behind)
        statement = f"select {_COLUMNS} from message where {' and '.join(conditions)} order by n desc limit ?"
        return [_sms(row) for row in self._all(statement, (*values, limit))]

    def held(self, phone: str | None, *, since: int) -> list[Sms]:
        """What went to phones and came from them, redacted and deleted or not, in order: a phone forgets nothing."""
        return [
            _sms(row)
            for row in self._all(
                f"select {_COLUMNS} from message where n > ? and (? is null or to_ = ? or from_ = ?) order by n",
                (since, phone, phone, phone),
            )
        ]

    def counts(self, by: Sequence[str]) -> list[tuple[Any, ...]]:
        """How many messages the API was given, by columns."""
        names = ", ".join(by)
        return self._all(
            f"select {names}, count(*) from message where direction = 'outbound-api' group by {names} order by {names}"
        )

    def last_from(self, phone: str) -> datetime | None:
        """When this phone texted last."""
        found = self._all("select max(created) from message where from_ = ? and direction = 'inbound'", (phone,))
        return datetime.fromisoformat(found[0][0]) if found[0][0] else None

    # --- what is to become of them
    def steps_due(self, now: float, limit: int = 200) -> list[Step]:
        """The earliest first."""
        rows = self._all("select n, sid, due, status, error_code from step where due <= ? order by due, n limit ?", (now, limit))
        return [Step(*row) for row in rows]

    def done(self, step: Step) -> None:
        """Taken."""
        self._db.execute("delete from step where n = ?", (step.n,))

    def no_more(self, sid: str) -> None:
        """Nothing further becomes of this message."""
        self._db.execute("delete from step where sid = ?", (sid,))

    def call(self, callback: Callback) -> None:
        """Keep a webhook to be called, or one that is lost, with its ``outcome``."""
        row = (
            callback.sid,
            callback.due,
            callback.url,
            json.dumps(callback.form),
            callback.token,
            callback.status,
            callback.outcome,
        )
        self._db.execute("insert into callback (sid, due, url, form, token, status, outcome) values (?, ?, ?, ?, ?, ?, ?)", row)

    def calls(self, condition: str, *values: object) -> list[Callback]:
        """Webhooks, the earliest due first."""
        rows = self._all(
            f"select n, sid, due, url, form, token, status, outcome from callback where {condition} order by due, n limit 64",
            values,
        )
        return [Callback(n, sid, due, url, json.loads(form), *rest) for n, sid, due, url, form, *rest in rows]

    def called(self, n: int, outcome: str) -> None:
        """What came of a webhook."""
        self._db.execute("update callback set outcome = ? where n = ?", (outcome, n))

    def next_due(self, *, behind: float = 0.0) -> float | None:
        """When the next step or webhook is due that is due behind this moment."""
        found = self._all(
            "select min(due) from (select min(due) as due from step where due > ? "
            "union all select min(due) from callback where outcome = '' and due > ?)",
            (behind, behind),
        )
        return float(found[0][0]) if found[0][0] is not None else None

    def outcomes(self) -> dict[str, int]:
        """How many webhooks came to what."""
        return dict(self._all("select outcome, count(*) from callback group by outcome order by outcome"))

    # --- what is known of numbers and senders
    def opted_out(self, sender: str, phone: str) -> bool:
        """Did this phone refuse this sender?"""
        return bool(self._all("select 1 from opt_out where sender = ? and phone = ?", (sender, phone)))

    def opt(self, sender: str, phone: str, *, out: bool) -> None:
        """Remember, or forget, that the phone refuses the sender."""
        if out:
            self._db.execute("insert or ignore into opt_out values (?, ?)", (sender, phone))
        else:
            self._db.execute("delete from opt_out where sender = ? and phone = ?", (sender, phone))

    def code_of(self, number: str) -> int | None:
        """What is wrong with this number."""
        found = self._all("select code from number where number = ?", (number,))
        return found[0][0] if found else None

    def mark(self, number: str, code: int | None) -> None:
        """Something is wrong with this number from now on, or nothing any more."""
        self._db.execute("delete from number where number = ?", (number,))
        if code is not None:
            self._db.execute("insert into number values (?, ?)", (number, code))

    def contents(self) -> Mapping[str, str]:
        """Texts of content templates by their ids."""
        return dict(self._all("select sid, body from content"))

    def keep_content(self, sid: str, body: str) -> None:
        """A content template."""
        self._db.execute("insert or replace into content values (?, ?)", (sid, body))

    def setting(self, name: str) -> Any:
        """What was kept under this name, or None."""
        found = self._all("select value from setting where name = ?", (name,))
        return json.loads(found[0][0]) if found else None

    def set(self, name: str, value: Any) -> None:
        """Keep a value of JSON."""
        self._db.execute("insert or replace into setting values (?, ?)", (name, json.dumps(value)))

    def forget(self) -> None:
        """Everything."""
        with self.together():
            for table in ("message", "step", "callback", "opt_out", "number", "content", "setting"):
                self._db.execute(f"delete from {table}")

    def _all(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(statement, values).fetchall()


def _sms(row: tuple[Any, ...]) -> Sms:
    named = dict(zip(_FIELDS, row, strict=True))
    moments = {name: datetime.fromisoformat(named[name]) if named[name] else None for name in ("created", "updated", "sent")}
    return Sms(**(named | moments | {"redacted": bool(named["redacted"])}))


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
