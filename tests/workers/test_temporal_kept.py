"""The embedded Temporal server: whatever ends it, it is started again, and the patients' workflows go on."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from records.vault import Vault
from workers import temporal
from workers.temporal import NoTemporalServer, TemporalServer, connect, free_port, kept_up


async def test_a_server_that_was_killed_is_up_again_where_it_was(tmp_path: Path) -> None:
    port, again = free_port(), asyncio.Event()
    pids: list[int] = []

    async def start() -> TemporalServer:
        server = await TemporalServer.start(tmp_path / "temporal.db", port, log=tmp_path / "temporal.log", hurried=True)
        pids.append(server.process.pid)
        return server

    async with kept_up(start, lambda what: again.set() if what == "restarted" else None) as server:
        client = await connect(server.address, "default", Vault(bytes(32)))
        os.kill(pids[0], signal.SIGKILL)
        async with asyncio.timeout(30):
            await again.wait()
        assert len(set(pids)) == 2
        assert await client.service_client.check_health()
    for pid in pids:
        assert not Path(f"/proc/{pid}").exists()


@dataclass
class _Ends:
    """A server that ends when it is told."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def process(self) -> _Ends:
        return self

    async def wait(self) -> None:
        await self.ended.wait()

    async def stop(self) -> None:
        pass


async def test_a_machine_that_has_no_room_for_a_moment_does_not_leave_the_patients_without_their_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(temporal, "AGAIN_AFTER", 0)
    first, told, again = _Ends(), list[str](), asyncio.Event()
    starts = iter([first, OSError("cannot fork"), NoTemporalServer("it does not answer"), _Ends()])

    async def start() -> TemporalServer:
        came = next(starts)
        if isinstance(came, Exception):
            raise came
        return cast(TemporalServer, came)

    def tell(what: str) -> None:
        told.append(what)
        if what == "restarted":
            again.set()

    async with kept_up(start, tell):
        first.ended.set()
        async with asyncio.timeout(10):
            await again.wait()
    assert told == ["not_restarted", "not_restarted", "restarted"]
