"""The sandbox provider: a phone company in a file, for development, demonstrations and tests.

Rule 1: it stands for an outside company. It keeps its own SQLite file, shares no transaction of ours, and what it
accepted survives a SIGKILL of the process that asked (WAL; a power cut may lose the last moments).
Rule 2: it is as dumb as a real one: no idempotency. Asked twice, it texts twice, and ``counts_by_key`` shows it.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from activities.channels.port import Finding, Found, Heard, InboundSms, NotFound, NotSigned, OutgoingSms, Receipt, Webhook
from pathways.language.segments import segments

Now = Callable[[], Awaitable[datetime]]
SendHook = Callable[[OutgoingSms], Awaitable[None]]
InboundHook = Callable[[InboundSms], Awaitable[None]]

_TABLES = """
create table if not exists accepted (
    n integer primary key autoincrement, attempt text not null, key text not null,
    to_ text not null, text text not null, at text not null);
create index if not exists accepted_by_attempt on accepted (attempt);
create index if not exists accepted_by_number on accepted (to_);
create table if not exists replies (
    n integer primary key autoincrement, from_ text not null, text text not null, at text not null);
"""
#: Texts and replies are counted together: where the clock stands, their numbers alone say which came first.
_NEXT = "(select 1 + max(coalesce((select max(n) from accepted), 0), coalesce((select max(n) from replies), 0)))"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class AcceptedSms:
    """An SMS that the sandbox took and delivered, at ``accepted_at`` of the injected clock."""

    sid: str
    attempt: str
    key: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMS that a phone sent to us."""

    sid: str
    from_: str = field(repr=False)
    text: str = field(repr=False)
    at: datetime


async def _nothing(_: object) -> None:
    return None


class SandboxChannel:
    """A ``Channel`` whose phones are rows in ``file``. Several processes may share the file.

    ``now`` is the clock. ``before_accept`` and ``after_accept`` are awaited around the moment of acceptance: a test
    raises there, or kills its process. ``on_inbound`` is awaited with each reply after it is stored.
    """

    name = "sandbox"
    our_number = "+10000000000"

    def __init__(
        self,
        file: Path,
        *,
        now: Now,
        before_accept: SendHook = _nothing,
        after_accept: SendHook = _nothing,
        on_inbound: InboundHook = _nothing,
    ) -> None:
        self._file = file
        self._now = now
        self._before_accept = before_accept
        self._after_accept = after_accept
        self._on_inbound = on_inbound
        self._connection: sqlite3.Connection | None = None
        # One thread, so that the one connection needs no lock.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-sms")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the file. What was accepted stays."""
        await self._run(self._disconnect)
        self._thread.shutdown()

    async def send(self, sms: OutgoingSms) -> Receipt:
        """Record ``sms`` as one more text on that phone. Raises only what the hooks raise."""
        await self._before_accept(sms)
        row = (sms.attempt, sms.key, sms.to, sms.text, _stored(await self._now()))
        n = await self._write(f"insert into accepted (n, attempt, key, to_, text, at) values ({_NEXT}, ?, ?, ?, ?, ?)", row)
        await self._after_accept(sms)
        return Receipt(provider_id=_sid("SM", n), status="delivered", segments=segments(sms.text).count)

    async def find(self, sms: OutgoingSms) -> Finding:
        """Look the attempt up. The sandbox knows all it accepted, so it can always tell."""
        rows = await self._read("select n, text from accepted where attempt = ? order by n limit 1", (sms.attempt,))
        if not rows:
            return NotFound()
        n, text = rows[0]
        return Found(Receipt(provider_id=_sid("SM", n), status="delivered", segments=segments(text).count))

    def hear(self, what: Literal["inbound", "status"], webhook: Webhook) -> Heard:
        """Nobody calls: its phones are texted from through ``reply``. Raises NotSigned."""
        raise NotSigned("the sandbox calls no webhook")

    async def messages(self, to: str | None = None, *, after: int = 0) -> list[AcceptedSms]:
        """What was accepted after number ``after``, by all phones or by ``to`` (E.164), in order of acceptance."""
        rows = await self._read(
            "select n, attempt, key, to_, text, at from accepted where n > ? and (? is null or to_ = ?) order by n", (after, to, to)
        )
        return [
            AcceptedSms(_sid("SM", n), attempt, key, to_, text, datetime.fromisoformat(at))
            for n, attempt, key, to_, text, at in rows
        ]

    async def counts_by_key(self) -> dict[str, int]:
        """How many SMS were accepted for each message key. Anything above 1 is a patient texted twice."""
        rows = await self._read("select key, count(*) from accepted group by key", ())
        return {key: count for key, count in rows}

    async def reply(self, from_: str, text: str) -> InboundSms:
        """A phone texts us: store it, then tell ``on_inbound``. What that raises, this raises; the record stays."""
        row = (from_, text, _stored(await self._now()))
        n = await self._write(f"insert into replies (n, from_, text, at) values ({_NEXT}, ?, ?, ?)", row)
        inbound = InboundSms(provider_id=_sid("RE", n), from_=from_, to=self.our_number, text=text)
        await self._on_inbound(inbound)
        return inbound

    async def replies(self, from_: str | None = None) -> list[Reply]:
        """All replies, or those of one phone (E.164), in order."""
        rows = await self._read("select n, from_, text, at from replies where ? is null or from_ = ? order by n", (from_, from_))
        return [Reply(_sid("RE", n), sender, text, datetime.fromisoformat(at)) for n, sender, text, at in rows]

    async def _write(self, statement: str, values: tuple[object, ...]) -> int:
        def insert() -> int:
            cursor = self._connected().execute(statement, values)
            assert cursor.lastrowid is not None
            return cursor.lastrowid

        return await self._run(insert)

    async def _read(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        return await self._run(lambda: self._connected().execute(statement, values).fetchall())

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # isolation_level=None: each insert is its own transaction and is durable when execute returns.
            connection = sqlite3.connect(self._file, isolation_level=None, timeout=30)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.executescript(_TABLES)
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _sid(prefix: str, n: int) -> str:
    return f"{prefix}{n:032x}"


def _stored(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("the sandbox clock returned a time without a zone: inject a clock that returns aware times")
    return moment.astimezone(UTC).isoformat()
