"""However many workers there are and however much has waited, no second carries more texts than the provider takes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.sending.pacing import Pacing
from records.channel_states import next_turn
from records.clock import system_time
from records.database import Database


async def test_texts_of_many_workers_at_once_are_kept_apart(database: Database) -> None:
    now, apart = system_time(), timedelta(milliseconds=200)

    async def one() -> timedelta:
        async with database.begin() as session:
            at = await next_turn(session, apart=apart, within=timedelta(minutes=1), now=now)
            assert at is not None
            return at - now

    turns = await asyncio.gather(*(one() for _ in range(20)))
    assert sorted(turns) == [n * apart for n in range(20)]


async def test_who_comes_after_a_pause_goes_at_once_and_does_not_make_up_for_it(database: Database) -> None:
    now, apart = system_time(), timedelta(seconds=1)
    async with database.begin() as session:
        await next_turn(session, apart=apart, within=apart, now=now - timedelta(hours=1))
    async with database.begin() as session:
        turns = [await next_turn(session, apart=apart, within=3 * apart, now=now) for _ in range(3)]
    assert turns == [now, now + apart, now + 2 * apart]


async def test_a_text_waits_for_its_turn_and_where_no_rate_is_set_nobody_waits(database: Database) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    for _ in range(3):
        await Pacing(database, 0.2, sleep).turn()
    assert [5 * n - 4 < seconds <= 5 * n for n, seconds in enumerate(waited, 1)] == [True, True]
    await Pacing(database, 0.0, sleep).turn()
    assert len(waited) == 2


async def test_where_too_many_wait_a_text_comes_again_later_and_takes_no_turn_meanwhile(database: Database) -> None:
    async def sleep(_: float) -> None:
        return

    await Pacing(database, 0.01, sleep).turn()
    for _ in range(3):
        with pytest.raises(ApplicationError, match="too many wait"):
            await Pacing(database, 0.01, sleep).turn()
    async with database.begin() as session:  # the turn after the first is still free
        now = system_time() + timedelta(seconds=100)
        assert await next_turn(session, apart=timedelta(seconds=100), within=timedelta(), now=now) == now
