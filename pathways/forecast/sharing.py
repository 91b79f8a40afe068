"""The parts of a forecast shared among processes.

Rule 1: a process is handed texts and opened snapshots, never a database or a key, and hands back counts.
Rule 2: what it comes to does not depend on how many processes there are.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from signal import SIG_IGN, SIGINT, signal

from pathways.forecast.population import Forecaster
from pathways.forecast.sample import Asked, Part, PartDone

WAITING = 2  # parts for each process, so that none is idle and few are held in memory
_mine: list[Forecaster] = []  # of a process of the pool, which is begun once and asked many times


async def follow_all(asked: Asked, parts: AsyncIterator[Part], *, processes: int = 2) -> AsyncIterator[PartDone]:
    """What each part comes to, in the order in which they are done; with 0 ``processes``, one after the other in this one."""
    if processes <= 0:
        forecaster = Forecaster(asked)
        async for part in parts:
            yield forecaster.follow(part)
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin, initargs=(asked,))
    loop = asyncio.get_running_loop()
    waiting: set[asyncio.Future[PartDone]] = set()
    try:
        async for part in parts:
            waiting.add(loop.run_in_executor(pool, _follow, part))
            if len(waiting) >= WAITING * processes:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    yield one.result()
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                yield one.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _begin(asked: Asked) -> None:
    signal(SIGINT, SIG_IGN)  # whoever asked says when to stop
    _mine[:] = [Forecaster(asked)]
    collect_seldom()


def collect_seldom() -> None:
    """For a process that does nothing else: what is made in a forecast goes by itself, but for a little at the end of a life."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _follow(part: Part) -> PartDone:
    return _mine[0].follow(part)
