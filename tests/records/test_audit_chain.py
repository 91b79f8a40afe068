"""The audit log: only added to, bound entry to entry; whatever is changed, taken out, put in or cut off shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from records.audit import WITNESS, AuditLog, Entry, NotWrittenDown, Verdict, verify
from records.audit_reading import AuditReading
from records.database import Database
from records.tables import AuditRow, AuditSubject

KEY = bytes(range(32))
START = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)


@dataclass
class Hands:
    """A time that the test moves."""

    at: datetime = START
    minutes: list[int] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.at


def a_log(database: Database, chain: str, now: Hands | None = None) -> AuditLog:
    return AuditLog(database, KEY, now or Hands(), chain=chain)


def reading_of(*patients: str, status: int = 200, about: Sequence[str] = ()) -> Entry:
    return Entry("zhou", "doctor", "team-1", "patients.read", ",".join(patients), patients, status, "r", about)


async def write(log: AuditLog, *patients: str) -> None:
    for patient in patients:
        await log.write(reading_of(patient))


async def tampered(database: Database, *changes: str) -> None:
    """What somebody does who has the database in their hands: the triggers do not stop them."""
    async with database.engine.begin() as connection:
        if database.is_sqlite:
            for change in ("update", "delete"):
                await connection.execute(text(f"DROP TRIGGER audit_no_{change}"))
        else:
            await connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        for change in changes:
            await connection.execute(text(change))


async def broken(database: Database, since: datetime | None = None) -> str:
    return "\n".join((await verify(database, KEY, since=since)).broken)


async def test_five_hundred_at_once_make_one_unbroken_chain(database: Database) -> None:
    log = a_log(database, "a")
    await asyncio.gather(*(log.write(reading_of(f"p{n}")) for n in range(500)))
    assert await verify(database, KEY) == Verdict(500, 1, [])
    async with database.reading() as session:
        assert (await session.scalar(select(func.max(AuditRow.seq)))) == 500
        assert (await session.scalar(select(func.count()).select_from(AuditSubject))) == 500


async def test_each_process_writes_a_chain_that_begins_at_the_newest_entry(database: Database) -> None:
    now = Hands()
    first, second = a_log(database, "a", now), a_log(database, "b", now)
    await write(first, "p1", "p2")
    now.at += timedelta(minutes=1)
    await write(second, "p3")
    await write(first, "p4")
    assert await verify(database, KEY) == Verdict(4, 2, [])
    await tampered(database, "DELETE FROM audit WHERE chain = 'a'")
    assert "chain b, entry 1: the entry at which this chain begins is missing" in await broken(database)


@pytest.mark.parametrize(
    ("change", "shows"),
    [
        ("UPDATE audit SET who = 'li' WHERE seq = 2", "entry 2: was changed after it was written"),
        ("UPDATE audit SET patients = '[]' WHERE seq = 2", "entry 2: was changed after it was written"),
        ("UPDATE audit SET at = '2020-01-01 00:00:00' WHERE seq = 3", "entry 3: was changed after it was written"),
        ("DELETE FROM audit WHERE seq = 2", "entry 3: entry 2 is missing"),
        ("DELETE FROM audit WHERE seq IN (2, 3)", "entry 4: entries 2 to 3 are missing"),
        ("DELETE FROM audit WHERE seq = 1", "entry 2: the entries before it are missing"),
        (
            "INSERT INTO audit SELECT chain, seq + 4, at, who, role, place, action, record, patients, status, request, previous, "
            "hash FROM audit WHERE seq = 1",
            "entry 5: is not bound to the entry before it",
        ),
        ("UPDATE audit SET chain = 'z' WHERE seq = 4", "chain z, entry 4: the entries before it are missing"),
    ],
)
async def test_what_was_changed_taken_out_or_put_in_is_found(database: Database, change: str, shows: str) -> None:
    await write(a_log(database, "a"), "p1", "p2", "p3", "p4")
    assert await broken(database) == ""
    await tampered(database, change)
    assert shows in await broken(database)


async def test_whoever_has_no_master_key_cannot_invent_an_entry(database: Database) -> None:
    await write(a_log(database, "a"), "p1")
    forger = AuditLog(database, b"another key", Hands(), chain="f")
    await write(forger, "p2")
    assert "chain f, entry 1: was changed after it was written, or written with another master key" in await broken(database)


async def test_a_chain_cut_short_is_found_through_a_witness(database: Database) -> None:
    now = Hands()
    log, keeper = a_log(database, "a", now), a_log(database, "keeper", now)
    await write(log, "p1", "p2", "p3")
    assert await keeper.witness() == 1
    assert await broken(database) == ""
    await tampered(database, "DELETE FROM audit WHERE chain = 'a' AND seq = 3")
    assert "remembers entry a:3, which is not there any more" in await broken(database)


async def test_a_new_keeper_remembers_what_grew_since_the_last_one_did(database: Database) -> None:
    now = Hands()
    await write(a_log(database, "a", now), "p1")
    now.at += timedelta(hours=1)
    await write(a_log(database, "b", now), "p2")
    now.at += timedelta(hours=1)
    assert await a_log(database, "keeper-1", now).witness() == 2
    now.at += timedelta(hours=1)
    await write(a_log(database, "c", now), "p3")
    assert await a_log(database, "keeper-2", now).witness() == 1
    async with database.reading() as session:
        remembered = list(await session.scalars(select(AuditRow.record).where(AuditRow.action == WITNESS)))
    assert sorted(remembered) == ["a:1", "b:1", "c:1"]


async def test_only_the_last_hours_are_walked_where_that_is_asked(database: Database) -> None:
    now = Hands()
    log = a_log(database, "a", now)
    await write(log, "p1", "p2")
    now.at += timedelta(hours=1)
    await write(log, "p3", "p4")
    since = now.at
    assert await verify(database, KEY, since=since) == Verdict(2, 1, [])
    await tampered(database, "UPDATE audit SET who = 'li' WHERE seq = 1")
    assert await broken(database, since) == ""
    await tampered_again(database, "DELETE FROM audit WHERE seq = 2")
    assert "entry 3: the entries before it are missing" in await broken(database, since)


async def tampered_again(database: Database, change: str) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text(change))


async def test_a_clock_that_is_set_back_does_not_break_a_chain(database: Database) -> None:
    now = Hands()
    log = a_log(database, "a", now)
    await write(log, "p1")
    now.at -= timedelta(seconds=30)
    await write(log, "p2")
    now.at += timedelta(minutes=1)
    await write(log, "p3")
    assert await broken(database) == ""
    assert await broken(database, START) == ""


async def test_the_database_refuses_to_change_it(database: Database) -> None:
    await write(a_log(database, "a"), "p1")
    for change in ("UPDATE audit SET who = 'li'", "DELETE FROM audit", "DELETE FROM audit_subject"):
        with pytest.raises(DBAPIError, match="only added to"):
            await tampered_again(database, change)


async def test_what_cannot_be_written_is_said_and_the_next_entry_is_whole_again(database: Database) -> None:
    log = a_log(database, "a")
    await write(log, "p1")
    await tampered_again(database, "ALTER TABLE audit RENAME TO gone")
    with pytest.raises(NotWrittenDown):
        await write(log, "p2")
    await tampered_again(database, "ALTER TABLE gone RENAME TO audit")
    await write(log, "p3")
    assert await verify(database, KEY) == Verdict(2, 2, [])


async def test_a_commit_whose_answer_was_lost_does_not_silence_the_log(database: Database) -> None:
    log = a_log(database, "a")
    await write(log, "p1")
    log._seq, log._last = 0, ""  # as if the answer to that commit had never come
    with pytest.raises(NotWrittenDown):
        await write(log, "p2")
    await write(log, "p2")
    assert await broken(database) == ""


async def test_whoever_waits_is_told_when_this_process_is_stopped(database: Database) -> None:
    log = a_log(database, "a")
    waiting = asyncio.create_task(log.write(reading_of("p1")))
    await asyncio.sleep(0)
    assert log._writer is not None
    log._writer.cancel()
    with pytest.raises(NotWrittenDown):
        await waiting
    with suppress(asyncio.CancelledError):
        await log._writer


async def test_one_entry_that_no_database_keeps_does_not_stop_the_others(database: Database) -> None:
    log = a_log(database, "a")
    await asyncio.gather(
        log.write(reading_of("p1", about=["\ud800", "x" * 50])), log.write(Entry("a", "b", "c", "d", "\x00\ud800"))
    )
    assert await verify(database, KEY) == Verdict(2, 1, [])


async def test_a_patients_entries_are_found_newest_first_and_refused_ones_too(database: Database) -> None:
    now = Hands()
    log = a_log(database, "a", now)
    for n in range(7):
        now.at += timedelta(seconds=n % 2)
        await log.write(reading_of("p1", "p2") if n % 2 else reading_of("p2"))
    await log.write(Entry("li", "doctor", "team-2", "patients.read", "p1", (), 404, "r", about=["p1"]))
    async with database.reading() as session:
        reading = AuditReading(session)
        found: list[int] = []
        after = None
        while True:
            page = await reading.page(None, patient="p1", limit=2, after=after)
            found += [row.seq for row in page.items]
            after = page.next
            if after is None:
                break
        assert found == [8, 6, 4, 2]
        assert [row.seq for row in (await reading.page(None, who="li", limit=9)).items] == [8]
        assert [row.seq for row in (await reading.page(frozenset({"team-2"}), limit=9)).items] == [8]
        early = await reading.page(None, since=START, until=START + timedelta(seconds=1), limit=9)
        assert [row.seq for row in early.items] == [1]
