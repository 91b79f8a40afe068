"""Checking a document that somebody sent: in a process of its own, with a limit to its time and memory.

Rule 1: checking is Python that computes; in a thread it would hold the interpreter from every other request, and nothing could
        end it. A process can be killed.
Rule 2: one is checked at a time, so that many at once cost no more than one; who would wait too long is told to come again.
Rule 3: what was found in a text is kept for a while: whoever reads a draft again is not made to wait again.
Rule 4: the process is told nothing of this one: no key, no database, no address is in its environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from pathways.drawing.outline import outline
from pathways.language.diagnostics import Checked, Diagnostic, examined

__all__ = ["LARGEST", "Busy", "Checked", "Checker", "Diagnostic", "check"]

LARGEST = 256 * 1024  # bytes of a document
KEPT = 32  # texts whose findings are kept
NOT_CHECKED = "NotChecked"
MEMORY = 2 * 1024**3  # bytes of address space that checking may take
PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SYSTEMROOT", "COVERAGE_PROCESS_START")


def check(text: str) -> Checked:
    """Everything wrong with a document's text, and its outline."""
    found = examined(text, file="document")
    return replace(found.checked, outline=outline(found.loaded, found.played))


class Busy(RuntimeError):
    """Too many documents wait to be checked."""


@dataclass(frozen=True)
class Checker:
    """Checks one document at a time. ``seconds``: how long one may take; ``most_waiting``: how many wait for their turn.

    ``command`` is what is run: it takes the text and gives the findings as JSON.
    """

    seconds: float = 15.0
    most_waiting: int = 8
    command: tuple[str, ...] = (sys.executable, "-m", "api.checker")
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1), repr=False)
    _waiting: list[None] = field(default_factory=list, repr=False)
    _found: dict[bytes, Checked] = field(default_factory=dict, repr=False)

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

    async def _checked(self, text: str) -> Checked:
        pipe = asyncio.subprocess.PIPE
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *self.command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, env=environment
        )
        try:
            async with asyncio.timeout(self.seconds):
                said, _ = await process.communicate(text.encode())
        except TimeoutError:
            return _not_checked(f"this takes longer than {self.seconds:g} seconds to check")
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        try:
            found: Mapping[str, Any] = json.loads(said)
            diagnostics = tuple(Diagnostic(**one) for one in found["diagnostics"])
            return Checked(found["pathway"], found["version"], diagnostics, found.get("scenarios", 0), found.get("outline", {}))
        except (ValueError, KeyError, TypeError):  # it ended without a word: out of memory, or of its own time
            return _not_checked("this takes more memory or time to check than a document may")


def _not_checked(what: str) -> Checked:
    remedy = "shorten its longest conditions, texts and lists, or make two pathways of it"
    return Checked(None, None, (Diagnostic(1, 1, "error", NOT_CHECKED, what, remedy),))


def main() -> None:
    """The process: a document comes in, the findings go out."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # where the system has no such limits, time is the limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    found = check(sys.stdin.buffer.read().decode())
    diagnostics = [{name: getattr(one, name) for name in Diagnostic.__slots__} for one in found.diagnostics]
    said = {"pathway": found.pathway, "version": found.version, "diagnostics": diagnostics, "scenarios": found.scenarios}
    json.dump({**said, "outline": found.outline}, sys.stdout)


if __name__ == "__main__":
    main()
