"""Checking a document that somebody sent: in a process of its own, with a limit to its time and memory.

Rule 1: checking is Python that computes; in a thread it would hold the interpreter from every other request, and nothing could
        end it. A process can be killed.
Rule 2: one is checked at a time, so that many at once cost no more than one; who would wait too long is told to come again.
Rule 3: what was found in a text is kept for a while: whoever reads a draft again is not made to wait again.
Rule 4: the process is told nothing of this one: no key, no database, no address is in its environment.
Rule 5: it is started once and waits for the next document, since starting takes longer than checking; it is ended where a document
        overruns its time, and when nobody has asked for a while. Each document has a child of its own (``api.checking``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from api.checking import check, framed
from pathways.language.diagnostics import Checked, Diagnostic

__all__ = ["LARGEST", "Busy", "Checked", "Checker", "Diagnostic", "check"]

LARGEST = 256 * 1024  # bytes of a document
KEPT = 32  # texts whose findings are kept
NOT_CHECKED = "NotChecked"
PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SYSTEMROOT", "COVERAGE_PROCESS_START")


class Busy(RuntimeError):
    """Too many documents wait to be checked."""


@dataclass
class _Running:
    """The process that waits for documents; ``ends``: when nobody asks any more."""

    process: asyncio.subprocess.Process | None = None
    ends: asyncio.TimerHandle | None = None


@dataclass(frozen=True)
class Checker:
    """Checks one document at a time. ``seconds``: how long one may take; ``most_waiting``: how many wait for their turn.

    ``command`` is what is run: it takes texts and gives findings as JSON, each with its length before it (``api.checking``).
    ``idle``: seconds without a document after which the process is ended. Whoever has a checker calls ``end`` at the end.
    """

    seconds: float = 15.0
    most_waiting: int = 8
    command: tuple[str, ...] = (sys.executable, "-m", "api.checking")
    idle: float = 900.0
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1), repr=False)
    _waiting: list[None] = field(default_factory=list, repr=False)
    _found: dict[bytes, Checked] = field(default_factory=dict, repr=False)
    _running: _Running = field(default_factory=_Running, repr=False)

    @property
    def checking(self) -> int:
        """How many are being checked, or wait for it."""
        return len(self._waiting)

    async def check(self, text: str) -> Checked:
        """What is wrong with ``text``; a document that takes too long is wrong for that. Raises Busy."""
        known = self._found.get(digest := sha256(text.encode()).digest())
        if known is not None:
            return known
        if self.checking >= self.most_waiting:
            raise Busy
        self._waiting.append(None)
        try:
            async with self._turn:
                found = await self._checked(text)
        finally:
            self._waiting.pop()
        if all(one.kind != NOT_CHECKED for one in found.diagnostics):
            while len(self._found) >= KEPT:
                del self._found[next(iter(self._found))]
            self._found[digest] = found
        return found

    async def awake(self) -> None:
        """Start the process where none runs, since somebody will soon ask; does not wait until it is ready."""
        if not self._turn.locked():
            async with self._turn:
                await self._process()

    async def end(self) -> None:
        """End the process, if one runs; what it was checking was not checked."""
        self._kill()
        async with self._turn:
            await self._ended()

    async def _checked(self, text: str) -> Checked:
        said: bytes | None = None
        process = await self._process()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self.seconds):
                process.stdin.write(framed(text.encode()))
                await process.stdin.drain()
                said = await process.stdout.readexactly(int(await process.stdout.readline()))
        except TimeoutError:
            return _not_checked(f"this takes longer than {self.seconds:g} seconds to check")
        except (OSError, ValueError, asyncio.IncompleteReadError):  # it ended without a word
            pass
        finally:
            if said is None:  # what it may still say would be taken for the answer to the next document
                await self._ended()
        try:
            found: Mapping[str, Any] = json.loads(said or b"")
            diagnostics = tuple(Diagnostic(**one) for one in found["diagnostics"])
            return Checked(found["pathway"], found["version"], diagnostics, found.get("scenarios", 0), found.get("outline", {}))
        except (ValueError, KeyError, TypeError):  # out of memory, or of its own time
            return _not_checked("this takes more memory or time to check than a document may")

    async def _process(self) -> asyncio.subprocess.Process:
        """The process that runs, or a new one; from now on it waits for ``idle`` seconds."""
        running = self._running
        if running.process is not None and running.process.returncode is not None:
            await self._ended()
        if running.process is None:
            pipe = asyncio.subprocess.PIPE
            environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
            running.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, env=environment, start_new_session=True
            )
        if running.ends is not None:
            running.ends.cancel()
        running.ends = asyncio.get_running_loop().call_later(self.idle, self._kill)
        return running.process

    def _kill(self) -> None:
        """The process with its child."""
        process = self._running.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()

    async def _ended(self) -> None:
        running = self._running
        if running.ends is not None:
            running.ends.cancel()
        if running.process is not None:
            self._kill()
            await running.process.communicate()  # until its pipes are closed, too
        running.process = running.ends = None


def _not_checked(what: str) -> Checked:
    remedy = "shorten its longest conditions, texts and lists, or make two pathways of it"
    return Checked(None, None, (Diagnostic(1, 1, "error", NOT_CHECKED, what, remedy),))
