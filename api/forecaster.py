"""Making forecasts beside the API: each in a process of its own, which goes on if this one is started anew.

Rule 1: a forecast computes for seconds to minutes; in here it would hold the interpreter from every other request.
Rule 2: the process is told what it needs on its standard input, so that no list of processes and no environment shows a key.
Rule 3: what became of it is in the database: a process that ended without a word is put down as failed.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from dataclasses import dataclass, field

from activities.forecasting import lease_of
from api.checker import PASSED_ON
from records.clock import system_time
from records.database import Database
from records.forecasts import RUNNER_GONE, Forecasts
from records.vault import Vault


@dataclass(frozen=True)
class Forecaster:
    """``most``: how many are made at once, of the whole installation. ``command``: what is run for each."""

    most: int = 2
    command: tuple[str, ...] = (sys.executable, "-m", "activities.forecasting")
    _running: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    async def hold(self, database: Database, forecast: str) -> None:
        """Hold a forecast that is about to be stored, until its process holds it itself."""
        await lease_of(database, forecast).take()

    async def let_go(self, database: Database, forecast: str) -> None:
        """It was not stored after all."""
        await lease_of(database, forecast).release()

    async def begin(self, database: Database, vault: Vault, forecast: str) -> None:
        """Start making a forecast that is stored and held; answers at once."""
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *self.command, stdin=pipe, stdout=nowhere, stderr=nowhere, env=environment, start_new_session=True
        )
        asked = {
            "id": forecast,
            "url": database.engine.url.render_as_string(hide_password=False),
            "master": base64.b64encode(vault.master).decode(),
        }
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(asked).encode())
            await process.stdin.drain()
            process.stdin.close()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended already, which is seen below
        watching = asyncio.create_task(self._watch(process, database, forecast))
        self._running.add(watching)
        watching.add_done_callback(self._running.discard)

    async def _watch(self, process: asyncio.subprocess.Process, database: Database, forecast: str) -> None:
        """When it ends without a word, that is said."""
        await process.wait()
        async with database.begin() as session:
            await Forecasts(session).failed(forecast, RUNNER_GONE, at=system_time())

    async def settled(self) -> None:
        """Wait until nothing that was begun here runs."""
        await asyncio.gather(*self._running, return_exceptions=True)
