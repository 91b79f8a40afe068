"""Keeps one worker process up: when it was killed, the next order of the list is started."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from spine.worker_process import Order

PROGRAM = Path(__file__).with_name("worker_process.py")
FAREWELL = 15.0  # seconds of real time for a process that was told to stop


@dataclass
class Breeder:
    """The process that imported everything once, and forks worker processes. ``log``: what they say on stderr."""

    process: subprocess.Popen[bytes]
    log: Path

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    def hear(self, begins: str) -> str:
        """The next line; it must begin like this."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert line.startswith(begins), f"expected {begins!r} from the worker process, got {line!r}; its words: {self.log}"
        return line.removeprefix(begins).strip()


@contextmanager
def breeding(log: Path) -> Iterator[Breeder]:
    """A process that forks worker processes; it is ended on leaving."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            bufsize=0,
            cwd=PROGRAM.parents[2],
        )
    breeder = Breeder(process, log)
    try:
        breeder.hear("ready")
        yield breeder
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.kill()
        process.wait()


@dataclass
class Supervisor:
    """``deaths``: the orders whose process was killed, in order."""

    breeder: Breeder
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
        self.breeder.say(json.dumps(asdict(order)))
        self._child = int(await asyncio.to_thread(self.breeder.hear, "started"))

    async def _keep_up(self, queue: list[Order]) -> None:
        while True:
            status = int(await asyncio.to_thread(self.breeder.hear, "ended"))
            self._child = 0
            if self._stopping:
                return
            assert status == -signal.SIGKILL, f"the workers ended with {status}, nobody asked them to; see {self.breeder.log}"
            self.deaths.append(queue[0])
            queue = queue[1:] or queue
            await self._fork(queue[0])

    async def stop(self) -> None:
        """Tell the workers to stop, and wait until they have."""
        if self._watch is None:
            return
        self._stopping = True
        self.breeder.say("stop")
        try:
            await asyncio.wait_for(asyncio.shield(self._watch), FAREWELL)
        except TimeoutError:
            await self.end()
        self._watch = None

    async def end(self) -> None:
        """Whatever runs, end it."""
        self._stopping = True
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
        if self._watch is not None:
            await self._watch


@asynccontextmanager
async def supervised(breeder: Breeder) -> AsyncIterator[Supervisor]:
    """Worker processes for one test."""
    supervisor = Supervisor(breeder)
    try:
        yield supervisor
    finally:
        await supervisor.end()
