"""The audit log: who read or wrote whose record, only ever added to, each entry bound to the one before it.

Rule 1: an entry is stored before the answer it tells of leaves; what cannot be written down is not answered.
Rule 2: each process writes a chain of its own, so that nobody waits for another; an entry's hash is keyed and covers the hash
        before it, so that a changed, missing or invented entry shows, to whoever holds the master key.
Rule 3: the end of a chain is remembered in another (``witness``), so that a chain cut short shows, too.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from records.clock import system_time
from records.database import Database
from records.tables import AuditRow, AuditSubject
from records.vault import Vault

BEGUN = 0  # the status of a change that is about to be made
WITNESS = "audit.witness"
AT_A_TIME = 2000
MOST_SAID = 20


class NotWrittenDown(RuntimeError):
    """The audit log could not be written: what it was to tell of must not be shown."""


@dataclass(frozen=True, slots=True)
class Entry:
    """``action``: the right that was used; ``record``: what was asked for; ``patients``: whose records were opened."""

    who: str
    role: str
    place: str
    action: str
    record: str = ""
    patients: Sequence[str] = ()
    status: int = BEGUN
    request: str = ""


@dataclass
class AuditLog:
    """Writes the chain of this process; requests that come at once share one transaction."""

    database: Database
    key: bytes = field(repr=False)
    now: Callable[[], datetime] = system_time
    chain: str = field(default_factory=lambda: uuid4().hex)
    _seq: int = 0
    _last: str = ""
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
        await written

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._store([entry for entry, _ in batch])
            except Exception as fault:
                for _, written in batch:
                    if not written.done():
                        written.set_exception(NotWrittenDown(type(fault).__name__))
            else:
                for _, written in batch:
                    if not written.done():
                        written.set_result(None)

    async def _store(self, entries: Sequence[Entry]) -> None:
        rows, subjects = [], []
        seq, last = self._seq, self._last
        at = self.now()
        async with self.database.begin() as session:
            if seq == 0:
                last = await _newest(session)
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
                    "record": entry.record[:120],
                    "patients": sorted(set(entry.patients)),
                    "status": entry.status,
                    "request": entry.request[:64],
                    "previous": last,
                }
                last = row["hash"] = bound(self.key, row)
                rows.append(row)
                subjects += [{"patient_id": patient, "chain": self.chain, "seq": seq} for patient in row["patients"]]
            await session.execute(insert(AuditRow), rows)
            if subjects:
                await session.execute(insert(AuditSubject), subjects)
        self._seq, self._last = seq, last

    async def witness(self) -> int:
        """Remember how far every chain has come since it was last remembered; answers how many chains."""
        async with self.database.reading() as session:
            before = select(func.max(AuditRow.at)).where(AuditRow.chain == self.chain, AuditRow.action == WITNESS)
            since = await session.scalar(before)
            grown = select(AuditRow.chain, func.max(AuditRow.seq)).where(AuditRow.action != WITNESS).group_by(AuditRow.chain)
            if since is not None:
                grown = grown.where(AuditRow.at >= since)
            heads = list(await session.execute(grown))
            entries = []
            for chain, seq in heads:
                row = await session.get_one(AuditRow, (chain, seq))
                entries.append(Entry("cairn", "housekeeping", "*", WITNESS, record=f"{chain}:{seq}", request=row.hash))
        await asyncio.gather(*(self.write(entry) for entry in entries))
        return len(entries)


def bound(key: bytes, row: dict[str, Any]) -> str:
    """The hash that binds a row to its contents and to the row before it."""
    covered = {**{name: value for name, value in row.items() if name != "hash"}, "at": row["at"].isoformat()}
    return hmac.digest(key, json.dumps(covered, sort_keys=True, ensure_ascii=False).encode(), "sha256").hex()


async def _newest(session: AsyncSession) -> str:
    """A new chain begins at the newest entry there is."""
    newest = select(AuditRow.hash).order_by(AuditRow.at.desc(), AuditRow.chain.desc(), AuditRow.seq.desc()).limit(1)
    return (await session.scalars(newest)).first() or ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``broken``: what does not hold, the first of them in words; empty where the log is whole."""

    entries: int
    chains: int
    broken: Sequence[str]


async def verify(database: Database, key: bytes, *, since: datetime | None = None) -> Verdict:
    """Walk the log and say what does not hold. ``since``: only entries from then on, bound to each other all the same."""
    entries, chains, broken = 0, 0, list[str]()
    chain, seq, last = "", 0, ""
    async for row in _walk(database, since):
        entries += 1
        where = f"chain {row['chain']}, entry {row['seq']}"
        if row["chain"] != chain:
            chains += 1
            chain, seq, last = row["chain"], row["seq"] - 1, row["previous"]
            if seq != 0 and since is None:
                broken.append(f"{where}: the entries before it are missing")
            elif seq == 0 and last and not await _is_there(database, last):
                broken.append(f"{where}: the entry at which this chain begins is missing")
        if row["seq"] != seq + 1:
            broken.append(f"{where}: entries {seq + 1} to {row['seq'] - 1} are missing")
        elif row["previous"] != last:
            broken.append(f"{where}: is not bound to the entry before it")
        if bound(key, row) != row["hash"]:
            broken.append(f"{where}: was changed after it was written, or written with another master key")
        if row["action"] == WITNESS and not await _is_there(database, row["request"]):
            broken.append(f"{where}: remembers {row['record']}, which is not there any more")
        seq, last = row["seq"], row["hash"]
    return Verdict(entries, chains, broken[:MOST_SAID])


async def _walk(database: Database, since: datetime | None) -> AsyncIterator[dict[str, Any]]:
    table = AuditRow.__table__
    place = tuple_(AuditRow.chain, AuditRow.seq)
    after = ("", 0)
    while True:
        page = select(table).where(place > tuple_(*after)).order_by(AuditRow.chain, AuditRow.seq).limit(AT_A_TIME)
        if since is not None:
            page = page.where(AuditRow.at >= since)
        async with database.reading() as session:
            rows = (await session.execute(page)).mappings().all()
        for row in rows:
            yield dict(row)
        if len(rows) < AT_A_TIME:
            return
        after = (rows[-1]["chain"], rows[-1]["seq"])


async def _is_there(database: Database, hash_: str) -> bool:
    async with database.reading() as session:
        return (await session.scalars(select(AuditRow.seq).where(AuditRow.hash == hash_).limit(1))).first() is not None
