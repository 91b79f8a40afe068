"""``cairn housekeeping``: waking, settling, counting, checking, expiring; one process of the installation at a time."""

from __future__ import annotations

import asyncio

import typer

from workers.chores import Chores
from workers.process import logged, process, until_stopped
from workers.settings import Settings
from workers.temporal import temporal_address


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(housekeeping)


def housekeeping() -> None:
    """Look after the installation; a second process waits until the first is gone."""
    asyncio.run(_housekeeping(Settings.read()))


async def _housekeeping(settings: Settings) -> None:
    logged("housekeeping", settings)
    async with process("housekeeping", settings) as one:
        # Lazily: while Temporal is away there is other work, and what waits for it is tried again every few seconds.
        client = await one.connected(temporal_address(settings), needed=False, lazy=True)
        keeper = Chores.of(one.parts, client).keeper()
        async with keeper.keeping():
            print("keeping house" if await keeper.lease.holds() else "another process keeps house; waiting", flush=True)
            await until_stopped()
