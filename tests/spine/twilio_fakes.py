"""The fake Twilio for tests: in the test's own process, or as a process that may be killed."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workers.temporal import free_port
from workers.twilio_fake.serving import NUMBER, Plan, Served, serving

ROOT = Path(__file__).parents[2]
#: A good day without any waiting: what is taken is sent and delivered at once.
AT_ONCE = {"sent_after": 0.0, "delivered_after": 0.0}


@asynccontextmanager
async def faking(file: Path, *, inbound_url: str = "", **plan: Any) -> AsyncIterator[Served]:
    """In this process; ``plan``: see ``serving.Plan``. Faults come over ``AT_ONCE``."""
    faults = AT_ONCE | dict(plan.pop("faults", {}))
    async with serving(Plan(file, inbound_url=inbound_url, faults=faults, **plan)) as served:
        yield served


@dataclass
class FakeProcess:
    """A fake Twilio of its own at a fixed ``url``; after ``kill`` it may be started again on its file."""

    file: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it listens."""
        command = [sys.executable, "-m", "workers.twilio_fake", "--file", str(self.file), "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--ends-with-stdin", *self.options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said.startswith("a Twilio of our own at "), said

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process = None

    def ask(self, verb: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Its control API: ``ask("PATCH", "faults", {...})``. It waits, so what it calls must be served elsewhere."""
        data = json.dumps(body or {}).encode() if verb != "GET" else None
        request = urllib.request.Request(f"{self.url}/_fake/{path}", data, {"Content-Type": "application/json"}, method=verb)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@contextmanager
def fake_process(file: Path, *, inbound_url: str = "", port: int = 0, **faults: object) -> Iterator[FakeProcess]:
    """A process of its own until the end; ``faults`` come over ``AT_ONCE``."""
    told = [f"--fault={name}={value}" for name, value in (AT_ONCE | faults).items()]
    fake = FakeProcess(file, ("--inbound-url", inbound_url, "--number", NUMBER, *told), port or free_port())
    fake.start()
    try:
        yield fake
    finally:
        if fake.process is not None:
            fake.kill()
