"""Of several processes one does the housekeeping, and another takes over when that one is gone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from records.database import Database
from records.lease import Lease


@dataclass
class Frozen:
    """Time that stands until the test moves it."""

    now: datetime = field(default_factory=lambda: datetime(2026, 3, 2, 9, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now


def leases(database: Database, time: Frozen, *names: str) -> list[Lease]:
    return [Lease(database, "housekeeping", timedelta(seconds=60), holder=name, system=time) for name in names]


async def test_only_one_of_two_processes_holds_it_until_it_is_over(database: Database) -> None:
    time = Frozen()
    first, second = leases(database, time, "first", "second")
    assert await first.take()
    assert not await second.take()
    time.now += timedelta(seconds=40)
    assert await first.take(), "it is renewed by who holds it"
    time.now += timedelta(seconds=40)
    assert not await second.take(), "it was renewed"
    time.now += timedelta(seconds=20)
    assert await second.take(), "the first is gone"
    assert not await first.holds()
    assert not await first.take()


async def test_who_holds_it_stops_sooner_than_another_may_take_over(database: Database) -> None:
    time = Frozen()
    first, second = leases(database, time, "first", "second")
    assert await first.take()
    time.now += timedelta(seconds=50)
    assert not await first.holds()
    assert not await second.take()


async def test_a_process_that_ends_gives_it_back_and_takes_nothing_from_another(database: Database) -> None:
    first, second = leases(database, Frozen(), "first", "second")
    assert await first.take()
    await second.release()
    assert await first.holds()
    await first.release()
    assert await second.take()


async def test_of_many_who_come_at_once_one_gets_it(database: Database) -> None:
    time = Frozen()
    many = leases(database, time, *(f"process-{n}" for n in range(8)))
    for _ in range(4):
        assert sum(await asyncio.gather(*(lease.take() for lease in many))) == 1
        time.now += timedelta(seconds=61)
        holders = [await lease.holds() for lease in many]
        assert not any(holders)
