"""Reaching the database costs few round trips, and nobody is given a connection that has ended or a time that is over."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from records import database as reaching
from records.clock import Clock
from records.database import Database
from tests.kept import heard

NOW = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)


async def _driver(session: AsyncSession) -> Any:
    return (await (await session.connection()).get_raw_connection()).driver_connection


@pytest.mark.parametrize("heard_of_it", [True, False])
async def test_a_connection_that_the_server_ended_while_it_rested_is_given_to_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch, heard_of_it: bool
) -> None:
    if database.is_sqlite:
        pytest.skip("a file has no server that ends a connection")
    ended = asyncio.Event()
    async with database.reading() as one, database.reading() as other:
        (await _driver(one)).add_termination_listener(lambda _: ended.set())
        rests = await one.scalar(text("SELECT pg_backend_pid()"))
        await one.close()
        await other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": rests})
    if heard_of_it:
        await asyncio.wait_for(ended.wait(), 30)
    else:
        monkeypatch.setattr(reaching, "RESTED", -1.0)  # as if both had rested for long
    async with database.reading() as one, database.reading() as other:
        assert [await one.scalar(text("SELECT 1")), await other.scalar(text("SELECT 1"))] == [1, 1]


async def test_that_nobody_drives_the_clock_is_not_asked_in_each_transaction(database: Database) -> None:
    clock, asked = Clock(lambda: NOW), list[str]()
    with heard(database, asked):
        for _ in range(3):
            async with database.reading() as session:
                assert await clock.read(session) == (NOW, False)
    assert sum("clock" in statement for statement in asked) == 1


async def test_whoever_drives_the_clock_is_believed_at_once_and_each_time_that_it_is_moved(database: Database) -> None:
    clock = Clock(lambda: NOW)
    async with database.reading() as session:
        assert not await clock.is_driven(session)
    begins = NOW + timedelta(days=400)
    async with database.begin() as session:
        await clock.drive(session, begins)
    for days in range(3):
        async with database.begin() as session:
            assert await Clock().read(session) == (begins + timedelta(days=days), True)
            await clock.move(session, begins + timedelta(days=days + 1))
