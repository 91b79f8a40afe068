"""The embedded Temporal server: whatever ends it, it is started again, and the patients' workflows go on."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from records.vault import Vault
from workers.temporal import TemporalServer, connect, free_port, kept_up


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
