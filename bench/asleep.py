"""Enrolled-and-asleep patients a second, beside bare workflows that do one no-op activity and sleep.

``python -m bench.asleep [--patients 500] [--blocks 5]``: each block puts its share of each kind to sleep, 50 at once, in turn:
bare; patients who are stored already (start, first step, asleep); people who walk in (enrolled in the database as well).
From the first call to the moment at which the server wrote the last timer, by its own history. System clock, real timers.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from bench.bare import QUEUE
from bench.figures import Figure, table
from bench.ground import Ground, enrol, ground, in_bulk, machine, person, until
from workflows.contract import patient_workflow_id


@dataclass(frozen=True, slots=True)
class Block:
    """``rate``: asleep a second; ``server`` and ``worker``: milliseconds of the processor for each."""

    rate: float
    server: float
    worker: float


async def bare(on: Ground, count: int) -> Block:
    already = on.tally.done

    async def start(name: str) -> str:
        await on.plain.start_workflow("BareSleeper", id=name, task_queue=QUEUE)
        return name

    names = [f"bare/{uuid4().hex}" for _ in range(count)]
    return await _measured(on, on.plain, start, names, lambda: on.tally.done >= already + count)


async def stored(on: Ground, first: int, count: int) -> Block:
    patients = await enrol(on, [person(first + n, on=on.stage.now().date()) for n in range(count)])
    already = on.stage.steps

    async def start(patient: str) -> str:
        await on.waker.wake(patient)
        return patient_workflow_id(patient)

    return await _measured(on, on.sealed, start, patients, lambda: on.stage.steps >= already + count)


async def walking_in(on: Ground, first: int, count: int) -> Block:
    people = [person(first + n, on=on.stage.now().date()) for n in range(count)]
    by_place = {intake.place: intake for intake in people}
    already = on.stage.steps

    async def start(place: str) -> str:
        (patient,) = await enrol(on, [by_place[place]])
        await on.waker.wake(patient)
        return patient_workflow_id(patient)

    return await _measured(on, on.sealed, start, list(by_place), lambda: on.stage.steps >= already + count)


async def _measured(
    on: Ground, client: Client, start: Callable[[str], Awaitable[str]], items: Sequence[str], done: Callable[[], bool]
) -> Block:
    before, begin = on.spent(), time.time()
    workflows = await in_bulk(start, items)
    await until(done, "the first step of every patient")
    await asyncio.sleep(0.5)  # the last timers reach the server
    spent = on.spent() - before
    asleep = await in_bulk(lambda workflow: _asleep_at(client, workflow), workflows, at_once=10)
    count = len(items)
    return Block(count / (max(asleep) - begin), spent.server / count * 1000, spent.worker / count * 1000)


async def _asleep_at(client: Client, workflow: str) -> float:
    for _ in range(100):
        history = await client.get_workflow_handle(workflow).fetch_history()
        for event in history.events:
            if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
                return event.event_time.ToNanoseconds() / 1e9
        await asyncio.sleep(0.1)
    raise TimeoutError(f"{workflow} never fell asleep; look at the patient's fault in the database")


async def run(patients: int, blocks: int) -> str:
    """The figures, as a table."""
    share = patients // blocks
    bares: list[Block] = []
    storeds: list[Block] = []
    walkers: list[Block] = []
    async with ground() as on:
        for block in range(-1, blocks):  # the first one warms up and is not counted
            count = share if block >= 0 else min(share, 20)
            first = (block + 2) * 2 * patients
            bares.append(await bare(on, count))
            storeds.append(await stored(on, first, count))
            walkers.append(await walking_in(on, first + patients, count))
    figures = []
    for name, ours in (("stored patients", storeds[1:]), ("people who walk in", walkers[1:])):
        theirs = bares[1:]
        rates = [b.rate for b in theirs], [b.rate for b in ours]
        figures.append(Figure(f"{name} asleep", "a second", *rates, aim=0.8, more_is_better=True))
        figures.append(Figure(f"{name}: server CPU", "ms each", [b.server for b in theirs], [b.server for b in ours]))
        figures.append(Figure(f"{name}: worker and caller CPU", "ms each", [b.worker for b in theirs], [b.worker for b in ours]))
    return f"**asleep** ({blocks} blocks of {share} of each; {machine()})\n\n{table(figures)}\n"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--patients", type=int, default=500, help="of each kind, over all blocks")
    options.add_argument("--blocks", type=int, default=5)
    chosen = options.parse_args()
    print(asyncio.run(run(chosen.patients, chosen.blocks)))


if __name__ == "__main__":
    main()
