"""Keeps one worker process up: when it was killed, the next order of the list is started."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from spine.worker_process import Order

PROGRAM = Path(__file__).with_name("worker_process.py")
FAREWELL = 15.0  # seconds of real time for a process that was told to stop


@dataclass
class Supervisor:
    """``deaths``: the orders whose process was killed, in order."""

    process: asyncio.subprocess.Process
    deaths: list[Order] = field(default_factory=list)
    _child: int = 0
    _watch: asyncio.Task[None] | None = None
    _stopping: bool = False

    async def start(self, orders: Iterable[Order], then: Order) -> None:
        """Work through ``orders`` (each until it dies), and then serve by ``then`` until told to stop."""
        self._stopping = False
        queue = [*orders, then]
        await self._fork(queue[0])
        self._watch = asyncio.create_task(self._keep_up(queue))

    async def _fork(self, order: Order) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        await self.process.stdin.drain()
        self._child = int((await self._line("started")).split()[1])

    async def _keep_up(self, queue: list[Order]) -> None:
        while True:
            status = int((await self._line("ended")).split()[1])
            self._child = 0
            if self._stopping:
                assert status == 0, f"the workers ended with {status}"
                return
            assert status == -signal.SIGKILL, f"the workers ended with {status}, nobody asked them to"
            self.deaths.append(queue[0])
            queue = queue[1:] or queue
            await self._fork(queue[0])

    async def stop(self) -> None:
        """Tell the workers to stop, and wait until they have."""
        if self._watch is None:
            return
        assert self.process.stdin is not None
        self._stopping = True
        self.process.stdin.write(b"stop\n")
        await self.process.stdin.drain()
        await asyncio.wait_for(self._watch, FAREWELL)
        self._watch = None

    async def end(self) -> None:
        """Whatever runs, end it."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError, AssertionError):
                await self._watch
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def _line(self, begins: str) -> str:
        assert self.process.stdout is not None
        line = (await self.process.stdout.readline()).decode()
        assert line.startswith(begins), f"expected {begins!r} from the worker process, got {line!r}"
        return line


@asynccontextmanager
async def supervised(log: Path) -> AsyncIterator[Supervisor]:
    """A worker process that waits for orders; what it and its children say on stderr is kept in ``log``."""
    root = PROGRAM.parents[2]
    with log.open("ab") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAM),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
            cwd=root,
            env={**os.environ, "PYTHONWARNINGS": "default"},
        )
    supervisor = Supervisor(process)
    try:
        await supervisor._line("ready")
        yield supervisor
    finally:
        await supervisor.end()
