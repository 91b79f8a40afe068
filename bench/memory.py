"""Worker memory for each 1,000 cached workflows: patients beside bare sleepers, each in a fresh process, same runner.

``python -m bench.memory [--workflows 1000] [--rounds 3]``: a fresh process starts its worker, puts a hundred to sleep to warm up,
then the asked number, all kept in the worker's cache; what its resident memory grew by is counted. One server for all of them;
it is not counted and keeps its histories in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil  # type: ignore[import-untyped]

from bench.bare import QUEUE
from bench.figures import Figure, table
from bench.ground import Ground, enrol, in_bulk, machine, person, standing_on, until
from workers.temporal import TemporalServer, free_port

WARM = 100


async def grown(kind: str, address: str, workflows: int) -> float:
    """By how many MB this process grew with ``workflows`` more in its cache."""
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        async with standing_on(address, Path(folder), cairn=kind == "cairn") as on:
            people = [person(n, on=on.stage.now().date()) for n in range(WARM + workflows)]
            names = [uuid4().hex for _ in people] if kind == "bare" else await enrol(on, people)
            await _asleep(on, kind, names[:WARM])
            before = _resident()
            await _asleep(on, kind, names[WARM:])
            return _resident() - before


async def _asleep(on: Ground, kind: str, names: Sequence[str]) -> None:
    if kind == "bare":
        wanted = on.tally.done + len(names)
        await in_bulk(lambda name: on.plain.start_workflow("BareSleeper", id=f"bare/{name}", task_queue=QUEUE), names)
        await until(lambda: on.tally.done >= wanted, "the no-op of every bare workflow")
    else:
        wanted = on.stage.steps + len(names)
        await in_bulk(on.waker.wake, names)
        await until(lambda: on.stage.steps >= wanted, "the first step of every patient")
    await asyncio.sleep(2)


def _resident() -> float:
    gc.collect()
    with suppress(OSError, AttributeError):  # only glibc gives free pages back on demand
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return float(psutil.Process().memory_info().rss) / 1e6


async def _in_a_fresh_process(kind: str, address: str, workflows: int) -> float:
    arguments = ["-m", "bench.memory", "--only", kind, "--address", address, "--workflows", str(workflows)]
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    words, _ = await child.communicate()
    if child.returncode != 0:
        raise RuntimeError(f"the process that keeps {kind} workflows ended with {child.returncode}; its words are above")
    return float(words) / workflows * 1000


async def run(workflows: int, rounds: int) -> str:
    """The figures, as a table."""
    grew: dict[str, list[float]] = {"bare": [], "cairn": []}
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        server = await TemporalServer.start(None, free_port(), log=Path(folder) / "temporal.log")
        try:
            for _ in range(rounds):
                for kind, found in grew.items():
                    found.append(await _in_a_fresh_process(kind, server.address, workflows))
        finally:
            await server.stop()
    figure = Figure("worker memory", "MB for 1,000 cached", grew["bare"], grew["cairn"], aim=1.25)
    return f"**memory** ({rounds} rounds of {workflows} of each; {machine()})\n\n{table([figure])}\n"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--workflows", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", choices=("bare", "cairn"), help=argparse.SUPPRESS)
    options.add_argument("--address", default="", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.only:
        print(asyncio.run(grown(chosen.only, chosen.address, chosen.workflows)))
    else:
        print(asyncio.run(run(chosen.workflows, chosen.rounds)))


if __name__ == "__main__":
    main()
