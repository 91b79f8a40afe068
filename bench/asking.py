"""Asking a served API, and what each answer costs: time as the caller sees it, the processor's of the API and of the database.

Rule 1: every question is asked in turn with a trivial route of the same application, in the same run, in blocks.
Rule 2: an answer that is not 200 ends the run; a fast refusal is no good figure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Any

import aiohttp
import psutil  # type: ignore[import-untyped]

from bench.figures import shown

AT_ONCE = 4
TRIVIAL = "trivial route (/healthz)"


class Refused(RuntimeError):
    """The API did not answer 200; the message says what it was asked."""


@dataclass(frozen=True)
class Question:
    """``ask`` gives path, query and key of one request, by chance; ``items`` counts what the answer holds.

    ``method`` other than GET: ``ask`` gives a JSON body, too.
    """

    name: str
    ask: Callable[[Random], tuple[str, dict[str, str], str] | tuple[str, dict[str, str], str, Any]]
    items: Callable[[Any], int] = lambda body: len(body.get("items", ()))
    most: int = 200  # requests of a block
    method: str = "GET"


@dataclass
class Measured:
    """Of one question: seconds of each answer; seconds of the processor over all of them; what the answers held."""

    question: Question
    seconds: list[float] = field(default_factory=list)
    api: float = 0.0
    database: float = 0.0
    held: list[int] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)  # the API's seconds a request, block by block

    def quantile(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    def line(self, trivial: Measured) -> str:
        """One row of the table."""
        count = len(self.seconds)
        ratio = median(ours / theirs for ours, theirs in zip(self.costs, trivial.costs, strict=True))
        cells = (
            self.question.name,
            shown(sum(self.held) / count),
            shown(self.quantile(0.5)),
            shown(self.quantile(0.99)),
            shown(count / self.api),
            shown(ratio),
            shown(self.database / count * 1000),
        )
        return "| " + " | ".join(cells) + " |"


@dataclass(frozen=True)
class Processor:
    """The time of the API's process and of every process of the database."""

    api: psutil.Process
    database: psutil.Process
    _used: dict[int, float] = field(default_factory=dict)

    def spent(self) -> tuple[float, float]:
        """Seconds so far, of the API and of the database; a process that has ended keeps what it was last seen to have used."""
        for one in (self.database, *self.database.children(recursive=True)):
            self._used[one.pid] = max(_seconds(one), self._used.get(one.pid, 0.0))
        return _seconds(self.api), sum(self._used.values())


def _seconds(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(used.user + used.system)


async def measure(
    base: str, questions: Sequence[Question], processor: Processor, *, blocks: int, say: Callable[[str], None], longest: float = 5.0
) -> list[Measured]:
    """Every question ``blocks`` times in turn, after a block that warms up. ``longest``: seconds for a question in one block."""
    measured = [Measured(question) for question in questions]
    chance = Random(1)
    async with aiohttp.ClientSession(base) as http:
        for block in range(-1, blocks):
            for one in measured:
                await _ask(http, one if block >= 0 else Measured(one.question), processor, chance, longest if block >= 0 else 1.0)
            say(f"block {block + 1} of {blocks}")
    return measured


async def _ask(http: aiohttp.ClientSession, into: Measured, processor: Processor, chance: Random, longest: float) -> None:
    asked = [into.question.ask(chance) for _ in range(into.question.most)]
    waiting, until, answered = asked[::-1], time.monotonic() + longest, 0

    async def caller() -> None:
        nonlocal answered
        while waiting and time.monotonic() < until:
            path, query, key, *sent = waiting.pop()
            begun, method = time.perf_counter(), into.question.method
            signed = {"Authorization": f"Bearer {key}"}
            async with http.request(method, path, params=query, json=sent[0] if sent else None, headers=signed) as answer:
                body = await answer.json(content_type=None)
                if answer.status != 200:
                    raise Refused(f"{method} {path} {query} as {key}: {answer.status} {body}")
            into.seconds.append(time.perf_counter() - begun)
            into.held.append(into.question.items(body))
            answered += 1

    api, database = processor.spent()
    async with asyncio.TaskGroup() as callers:
        for _ in range(AT_ONCE):
            callers.create_task(caller())
    api_after, database_after = processor.spent()
    into.api += api_after - api
    into.database += database_after - database
    into.costs.append((api_after - api) / answered)


def table(measured: Sequence[Measured]) -> str:
    """All of it as a table in Markdown, the trivial route first."""
    trivial = next(one for one in measured if one.question.name == TRIVIAL)
    head = [
        "| asked, 4 at once | rows | p50, ms | p99, ms | requests a second a core | CPU, times the trivial route "
        "| database CPU, ms |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    return "\n".join([*head, *(one.line(trivial) for one in measured)])
