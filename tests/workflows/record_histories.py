"""Record the histories that test_replay.py replays: ``python tests/workflows/record_histories.py``.

Only when the workflow's code is *meant* to make other commands, and then beside the old ones, which running patients still have.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from socket import gethostname
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from scripted import Followed, World, following
from temporalio.client import WorkflowHistory

from workflows.contract import Handover, Pace

HISTORIES = Path(__file__).with_name("histories")


async def everything(patient: Followed) -> None:
    """Steps, deliveries of every kind, one that is given up, an update, timers."""
    world = patient.world
    await patient.wake()
    await world.until(lambda: len(world.delivered) == 3 and world.given_up == ["message#2"] and len(world.steps) >= 2)
    await patient.settle()
    await patient.settle()


async def years(patient: Followed) -> None:
    """Long enough to continue as new."""
    for _ in range(12):
        await patient.settle()


def without_the_machine(value: Any) -> Any:
    """The history without the names of the machine and the folders on which it was recorded."""
    if isinstance(value, dict):
        return {k: without_the_machine(v) for k, v in value.items() if k not in ("identity", "stackTrace", "stickyAttributes")}
    if isinstance(value, str) and gethostname() in value:
        return "a worker"
    return [without_the_machine(item) for item in value] if isinstance(value, list) else value


def keep(name: str, history: WorkflowHistory) -> None:
    HISTORIES.mkdir(exist_ok=True)
    plain = without_the_machine(history.to_json_dict())
    (HISTORIES / f"{name}.json").write_text(json.dumps(plain, indent=1) + "\n")


async def record() -> None:
    folder = Path(tempfile.mkdtemp())
    handovers = [Handover("message#1", "message"), Handover("message#2", "message"), Handover("referral#1/1", "referral", True)]
    world = World([handovers, [Handover("refill#1/1", "refill")]], [0.2, 0.2, 0.2], impossible=frozenset({"message#2"}))
    async with following(folder, world) as patient:
        await everything(patient)
        (history,) = await patient.histories()
        keep("everything", history)
    async with following(folder, World(), pace=Pace(long_enough=40)) as patient:
        await years(patient)
        for n, history in enumerate(reversed(await patient.histories())):
            keep(f"run_{n + 1}_of_years", history)


if __name__ == "__main__":
    asyncio.run(record())
