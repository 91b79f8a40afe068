"""The audit log: who read or wrote whose record, only ever added to, each entry bound to the one before it.

Rule 1: an entry is stored before the answer it tells of leaves; what cannot be written down is not answered.
Rule 2: each process writes a chain of its own, so that nobody waits for another; an entry's hash is keyed and covers the hash
        before it, so that a changed, missing or invented entry shows, to whoever holds the master key.
Rule 3: the end of a chain is remembered in another (``witness``), so that a chain cut short shows, too; what was written after
        the last witness and cut off again does not: witnesses are written often, and a backup kept elsewhere holds the rest.
Rule 4: a chain that could not be added to is left where it is and a new one begun: whether its last transaction was committed
        is not known, and a guess would break it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import func, insert, select

from records.clock import system_time
from records.database import Database
from records.tables import AuditRow, AuditSubject
from records.vault import Vault

BEGUN = 0  # the status of a change that is about to be made
WITNESS = "audit.witness"
AT_A_TIME = 2000
MOST_SAID = 20
ENTRIES, SUBJECTS = insert(AuditRow), insert(AuditSubject)
#: Both inserts in one statement of PostgreSQL, which is a transaction by itself: one round trip in place of four.
TOGETHER = """
WITH entry AS (INSERT INTO audit SELECT * FROM json_populate_recordset(NULL::audit, $1))
INSERT INTO audit_subject SELECT * FROM json_populate_recordset(NULL::audit_subject, $2)
"""
KEEPER = "cairn"  # who remembers the ends of the chains
OVERLAP = timedelta(minutes=10)  # between two rememberings: an entry is committed later than its moment says, and clocks differ


class NotWrittenDown(RuntimeError):
    """The audit log could not be written: what it was to tell of must not be shown."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The audit log cannot be written ({why}), so nothing more is shown; see: cairn doctor")


@dataclass(frozen=True, slots=True)
class Entry:
    """``action``: the right that was used; ``record``: what was asked for; ``patients``: whose records were opened.

    ``about``: whose entry it is besides, though nothing of theirs was opened: a refused reading is found by its patient, too.
    """

    who: str
    role: str
    place: str
    action: str
    record: str = ""
    patients: Sequence[str] = ()
    status: int = BEGUN
    request: str = ""
    about: Sequence[str] = ()


@dataclass
class AuditLog:
    """Writes the chain of this process; requests that come at once share one transaction."""

    database: Database
    key: bytes = field(repr=False)
    now: Callable[[], datetime] = system_time
    chain: str = field(default_factory=lambda: uuid4().hex)
    _seq: int = 0
    _last: str = ""
    _at: datetime | None = None
    _waiting: list[tuple[Entry, asyncio.Future[None]]] = field(default_factory=list)
    _writer: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, database: Database, vault: Vault) -> AuditLog:
        """The log of this process, under a key of the master key's."""
        return cls(database, vault.derive("audit"))

    async def write(self, entry: Entry) -> None:
        """Store one entry. Raises NotWrittenDown."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
            self._writer.add_done_callback(self._stopped)
        await written

    def _stopped(self, writer: asyncio.Task[None]) -> None:
        if writer is self._writer and writer.cancelled():  # perhaps before it began; nobody is left waiting
            waiting, self._waiting = self._waiting, []
            for _, written in waiting:
                if not written.done():
                    written.set_exception(NotWrittenDown("stopped"))

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._store([entry for entry, _ in batch])
            except BaseException as fault:  # whoever waits is told, even when this process is being stopped
                self.chain, self._seq, self._last = uuid4().hex, 0, ""
                for _, written in batch:
                    if not written.done():
                        written.set_exception(NotWrittenDown(type(fault).__name__))
                if not isinstance(fault, Exception):
                    raise
            else:
                for _, written in batch:
                    if not written.done():
                        written.set_result(None)

    async def _store(self, entries: Sequence[Entry]) -> None:
        rows, subjects = [], []
        seq, last = self._seq, self._last
        at = max(self.now(), self._at) if self._at is not None else self.now()  # moments of a chain never run back
        if seq == 0:
            last = await _newest(self.database)
        for entry in entries:
            seq += 1
            row: dict[str, Any] = {
                "chain": self.chain,
                "seq": seq,
                "at": at,
                "who": entry.who,
                "role": entry.role,
                "place": entry.place,
                "action": entry.action,
                "record": _storable(entry.record, 120),
                "patients": sorted(set(entry.patients)),
                "status": entry.status,
                "request": entry.request[:64],
                "previous": last,
            }
            last = row["hash"] = bound(self.key, row)
            rows.append(row)
            about = {patient for patient in entry.about if patient == _storable(patient, 40)}
            subjects += [{"patient_id": patient, "chain": self.chain, "seq": seq} for patient in sorted({*row["patients"], *about})]
        await self._add(rows, subjects)
        self._seq, self._last, self._at = seq, last, at

    async def _add(self, rows: Sequence[dict[str, Any]], subjects: Sequence[dict[str, Any]]) -> None:
        """All of it or nothing."""
        if not self.database.is_sqlite:
            stored = [{**row, "at": row["at"].astimezone(UTC).replace(tzinfo=None).isoformat()} for row in rows]
            await self.database.at_once(TOGETHER, json.dumps(stored), json.dumps(subjects))
            return
        async with self.database.begin() as session:
            await session.execute(ENTRIES, rows)
            if subjects:
                await session.execute(SUBJECTS, subjects)

    async def witness(self) -> int:
        """Remember how far every chain has come since that was last done, by whichever process; answers how many chains."""
        async with self.database.reading() as session:
            before = select(func.max(AuditRow.at)).where(AuditRow.who == KEEPER, AuditRow.action == WITNESS)
            since = await session.scalar(before)
            grown = select(AuditRow.chain, func.max(AuditRow.seq)).where(AuditRow.action != WITNESS).group_by(AuditRow.chain)
            if since is not None:
                grown = grown.where(AuditRow.at >= since - OVERLAP)
            heads = list(await session.execute(grown))
            entries = []
            for chain, seq in heads:
                row = await session.get_one(AuditRow, (chain, seq))
                entries.append(Entry(KEEPER, "housekeeping", "*", WITNESS, record=f"{chain}:{seq}", request=row.hash))
        await asyncio.gather(*(self.write(entry) for entry in entries))
        return len(entries)


def bound(key: bytes, row: dict[str, Any]) -> str:
    """The hash that binds a row to its contents and to the row before it."""
    covered = {**{name: value for name, value in row.items() if name != "hash"}, "at": row["at"].isoformat()}
    return hmac.digest(key, json.dumps(covered, sort_keys=True, ensure_ascii=False).encode(), "sha256").hex()


def _storable(text: str, longest: int) -> str:
    """One entry that no database keeps would keep everybody's from being written."""
    return text.replace("\x00", "").encode(errors="replace").decode()[:longest]


async def _newest(database: Database) -> str:
    """A new chain begins at the newest entry there is."""
    newest = select(AuditRow.hash).order_by(AuditRow.at.desc(), AuditRow.chain.desc(), AuditRow.seq.desc()).limit(1)
    async with database.reading() as session:
        return (await session.scalars(newest)).first() or ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``broken``: what does not hold, the first of them in words; empty where the log is whole."""

    entries: int
    chains: int
    broken: Sequence[str]


async def verify(database: Database, key: bytes, *, since: datetime | None = None) -> Verdict:
    """Walk the log and say what does not hold. ``since``: only entries from then on, and what they are bound to."""
    entries, broken = 0, list[str]()
    chains = await _chains(database, since)
    for chain, first in chains:
        seq, last = first - 1, await _hash_of(database, chain, first - 1)
        if first > 1 and last is None:
            broken.append(f"chain {chain}, entry {first}: the entries before it are missing")
        async for row in _walk(database, chain, first):
            entries += 1
            where = f"chain {chain}, entry {row['seq']}"
            if row["seq"] == 1:
                if row["previous"] and not await _is_there(database, row["previous"]):
                    broken.append(f"{where}: the entry at which this chain begins is missing")
            elif row["seq"] != seq + 1:
                broken.append(f"{where}: {_missing(seq + 1, row['seq'] - 1)}")
            elif last is not None and row["previous"] != last:
                broken.append(f"{where}: is not bound to the entry before it")
            if bound(key, row) != row["hash"]:
                broken.append(f"{where}: was changed after it was written, or written with another master key")
            if row["action"] == WITNESS and not await _is_there(database, row["request"]):
                broken.append(f"{where}: remembers entry {row['record']}, which is not there any more")
            seq, last = row["seq"], row["hash"]
    return Verdict(entries, len(chains), broken[:MOST_SAID])


async def _chains(database: Database, since: datetime | None) -> list[tuple[str, int]]:
    """Each chain, and its first entry of interest."""
    chains = select(AuditRow.chain, func.min(AuditRow.seq)).group_by(AuditRow.chain)
    if since is not None:
        chains = chains.where(AuditRow.at >= since)
    async with database.reading() as session:
        return sorted((chain, first) for chain, first in await session.execute(chains))


async def _walk(database: Database, chain: str, first: int) -> AsyncIterator[dict[str, Any]]:
    table = AuditRow.__table__
    after = first - 1
    while True:
        page = select(table).where(AuditRow.chain == chain, AuditRow.seq > after).order_by(AuditRow.seq).limit(AT_A_TIME)
        async with database.reading() as session:
            rows = (await session.execute(page)).mappings().all()
        for row in rows:
            yield dict(row)
        if len(rows) < AT_A_TIME:
            return
        after = rows[-1]["seq"]


async def _hash_of(database: Database, chain: str, seq: int) -> str | None:
    async with database.reading() as session:
        return await session.scalar(select(AuditRow.hash).where(AuditRow.chain == chain, AuditRow.seq == seq))


async def _is_there(database: Database, hash_: str) -> bool:
    async with database.reading() as session:
        return (await session.scalars(select(AuditRow.seq).where(AuditRow.hash == hash_).limit(1))).first() is not None


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
