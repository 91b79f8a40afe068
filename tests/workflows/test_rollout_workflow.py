"""The rollout's workflow: batch, pause, batch; woken, it looks again, and a recorded rollout is followed on by today's code."""

from __future__ import annotations

import ast
import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from record_histories import without_the_machine
from scripted import A_LOOK
from temporalio import activity
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

import workflows.rollout
from activities.rollouts import RolloutDoor
from workers.temporal import TemporalServer, free_port, quiet_runtime
from workflows.contract import PATIENTS_QUEUE, ROLL_ON, STORY, RolledOn, RollOn, RolloutPace, rollout_workflow_id
from workflows.rollout import RolloutWorkflow

HISTORIES = Path(__file__).with_name("histories") / "rollout"


@dataclass
class Ledger:
    """A rollout of ``left`` batches; ``paused`` it waits to be woken; ``faults`` batches fail."""

    left: int
    paused: bool = False
    faults: int = 0
    asked: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @activity.defn(name=ROLL_ON)
    async def roll_on(self, asked: RollOn) -> RolledOn:
        self.asked += 1
        async with self.changed:
            self.changed.notify_all()
        if self.faults:
            self.faults -= 1
            raise RuntimeError("the database is away")
        if self.paused:
            return RolledOn(wait_s=3600.0, summary="paused")
        if not self.left:
            return RolledOn(over=True, summary="done")
        self.left -= 1
        return RolledOn(wait_s=0.01, looked_at=1, summary="running")

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.asked >= times)


@dataclass
class Rolled:
    client: Client
    ledger: Ledger
    door: RolloutDoor

    @property
    def handle(self) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(rollout_workflow_id("r1"))

    async def histories(self) -> list[WorkflowHistory]:
        """Every run, the newest first."""
        runs: list[WorkflowHistory] = []
        run_id: str | None = (await self.handle.describe()).run_id
        while run_id:
            handle = self.client.get_workflow_handle(rollout_workflow_id("r1"), run_id=run_id)
            runs.append(await handle.fetch_history())
            run_id = runs[-1].events[0].workflow_execution_started_event_attributes.continued_execution_run_id or None
        return runs


@asynccontextmanager
async def rolling(folder: Path, ledger: Ledger, *, long_enough: int = 200) -> AsyncIterator[Rolled]:
    server = await TemporalServer.start(None, free_port(), log=folder / "temporal.log")
    try:
        client = await Client.connect(server.address, runtime=quiet_runtime())
        async with Worker(
            client,
            task_queue=PATIENTS_QUEUE,
            workflows=[RolloutWorkflow],
            activities=[ledger.roll_on],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            yield Rolled(client, ledger, RolloutDoor(client, RolloutPace(long_enough=long_enough)))
    finally:
        await server.stop()


async def record() -> None:
    """Record anew what is replayed here: ``python tests/workflows/test_rollout_workflow.py``."""
    HISTORIES.mkdir(parents=True, exist_ok=True)
    async with rolling(Path(tempfile.mkdtemp()), Ledger(left=9, faults=1), long_enough=30) as rolled:
        await a_life(rolled)
        for n, history in enumerate(reversed(await rolled.histories())):
            plain = without_the_machine(history.to_json_dict())
            (HISTORIES / f"run_{n + 1}.json").write_text(json.dumps(plain, indent=1) + "\n")


async def a_life(rolled: Rolled) -> None:
    """Begun, paused after some batches, resumed, done."""
    ledger = rolled.ledger
    await rolled.door.wake("r1")
    await ledger.until_asked(4)
    ledger.paused = True
    while await rolled.handle.query(STORY) != "paused":  # noqa: ASYNC110  # only the server knows
        await asyncio.sleep(A_LOOK)
    ledger.paused = False
    assert not await rolled.door.start("r1")  # it runs
    await rolled.door.wake("r1")
    await rolled.handle.result()


async def test_a_rollout_goes_on_until_it_is_done_whatever_fails_and_however_long_it_is(tmp_path: Path) -> None:
    async with rolling(tmp_path, Ledger(left=9, faults=1), long_enough=30) as rolled:
        await a_life(rolled)
        assert (rolled.ledger.left, rolled.ledger.faults) == (0, 0)
        assert len(await rolled.histories()) > 1  # it continued as new


def test_there_are_histories_of_rollouts_to_replay() -> None:
    events = "".join(history.read_text() for history in HISTORIES.glob("*.json"))
    for kind in ("TIMER_STARTED", "CONTINUED_AS_NEW", "SIGNALED", "ACTIVITY_TASK_COMPLETED", "WORKFLOW_EXECUTION_COMPLETED"):
        assert kind in events, kind


@pytest.mark.parametrize("file", sorted(HISTORIES.glob("*.json")), ids=lambda file: file.stem)
async def test_a_recorded_rollout_is_followed_on_by_todays_code(file: Path) -> None:
    replayer = Replayer(workflows=[RolloutWorkflow], workflow_runner=UnsandboxedWorkflowRunner())
    await replayer.replay_workflow(WorkflowHistory.from_json("rollout/r1", json.loads(file.read_text())))


def test_a_rollouts_workflow_imports_nothing_but_its_contract() -> None:
    source = ast.parse(Path(str(workflows.rollout.__file__)).read_text())
    froms = {(node.module or "").split(".")[0] for node in ast.walk(source) if isinstance(node, ast.ImportFrom)}
    names = {alias.name.split(".")[0] for node in ast.walk(source) if isinstance(node, ast.Import) for alias in node.names}
    assert (froms | names) - set(sys.stdlib_module_names) <= {"temporalio", "workflows"}


if __name__ == "__main__":
    asyncio.run(record())
