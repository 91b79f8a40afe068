"""However many workers there are and however much has waited, no second carries more texts than the provider takes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from activities.sending.pacing import Pacing
from records.channel_states import next_turn
from records.clock import system_time
from records.database import Database


async def test_texts_of_many_workers_at_once_are_kept_apart(database: Database) -> None:
    now, apart = system_time(), timedelta(milliseconds=200)

    async def one() -> timedelta:
        async with database.begin() as session:
            return await next_turn(session, apart=apart, now=now) - now

    turns = await asyncio.gather(*(one() for _ in range(20)))
    assert sorted(turns) == [n * apart for n in range(20)]


async def test_who_comes_after_a_pause_goes_at_once_and_does_not_make_up_for_it(database: Database) -> None:
    now, apart = system_time(), timedelta(seconds=1)
    async with database.begin() as session:
        await next_turn(session, apart=apart, now=now - timedelta(hours=1))
    async with database.begin() as session:
        turns = [await next_turn(session, apart=apart, now=now) for _ in range(3)]
    assert turns == [now, now + apart, now + 2 * apart]


async def test_a_text_waits_for_its_turn_and_where_no_rate_is_set_nobody_waits(database: Database) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    for _ in range(3):
        await Pacing(database, 0.01, sleep).turn()
    assert [100 * n - 5 < seconds <= 100 * n for n, seconds in enumerate(waited, 1)] == [True, True]
    await Pacing(database, 0.0, sleep).turn()
    assert len(waited) == 2
