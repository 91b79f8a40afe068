"""A patient's workflow on a real server, with a scripted database and outside world in place of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio import activity
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle, WorkflowHistory
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from workers.temporal import TemporalServer, free_port, quiet_runtime
from workflows.contract import (
    DELIVER,
    GIVE_UP,
    PATIENT,
    PATIENTS_QUEUE,
    QUEUES,
    SETTLE,
    TAKE_STEP,
    WAKE,
    Deliver,
    Delivered,
    Handover,
    Pace,
    PatientStart,
    Step,
    Taken,
    patient_workflow_id,
)
from workflows.patient import PatientWorkflow

PATIENT_ID = "p1"
A_LOOK = 0.02  # seconds between two looks
WORKFLOW_ID = patient_workflow_id(PATIENT_ID)


@dataclass
class World:
    """``stored`` events, of which steps have taken ``taken``. ``plan``: what each step hands over; ``open``: steps may go on."""

    plan: list[list[Handover]] = field(default_factory=list)
    due_in: list[float | None] = field(default_factory=list)
    stored: int = 1
    taken: int = 0
    steps: list[list[Handover]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    impossible: frozenset[str] = frozenset()
    faults: int = 0  # so many steps fail
    open: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.open.set()

    @activity.defn(name=TAKE_STEP)
    async def take_step(self, asked: Step) -> Taken:
        self.asked.append(asked.number)
        await self._tell()
        if self.faults:
            self.faults -= 1
            raise RuntimeError("the database is away")
        seen = self.stored  # what a transaction would see; what is stored later belongs to the next step
        await self.open.wait()
        if asked.number <= len(self.steps):
            return Taken(len(self.steps) + 1, None, self.steps[asked.number - 1])
        due_in = self.due_in.pop(0) if self.due_in else None
        if seen > self.taken:
            self.taken = seen
            self.steps.append(self.plan.pop(0) if self.plan else [])
            await self._tell()
            return Taken(len(self.steps) + 1, due_in, self.steps[-1], "green")
        await self._tell()
        return Taken(len(self.steps) + 1, due_in)

    async def _deliver(self, asked: Deliver) -> Delivered:
        if asked.key in self.impossible:
            raise ApplicationError("never", type="Undeliverable", non_retryable=True)
        self.delivered.append(asked.key)
        await self._tell()
        return Delivered(status="handed")

    @activity.defn(name=DELIVER["message"])
    async def deliver_message(self, asked: Deliver) -> Delivered:
        return await self._deliver(asked)

    @activity.defn(name=DELIVER["referral"])
    async def deliver_referral(self, asked: Deliver) -> Delivered:
        return await self._deliver(asked)

    @activity.defn(name=DELIVER["refill"])
    async def deliver_refill(self, asked: Deliver) -> Delivered:
        return await self._deliver(asked)

    @activity.defn(name=DELIVER["advice"])
    async def deliver_advice(self, asked: Deliver) -> Delivered:
        return await self._deliver(asked)

    @activity.defn(name=GIVE_UP)
    async def give_up(self, asked: Deliver) -> Delivered:
        self.given_up.append(asked.key)
        self.stored += 1
        return Delivered(learnt=True, status="failed")

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of this world."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(holds)


@dataclass
class Followed:
    """A followed patient."""

    client: Client
    world: World
    pace: Pace

    async def wake(self) -> WorkflowHandle[object, object]:
        """Something is stored, and the workflow is woken (started where it does not run)."""
        self.world.stored += 1
        start = PatientStart(PATIENT_ID, pace=self.pace)
        return await self.client.start_workflow(PATIENT, start, id=WORKFLOW_ID, task_queue=PATIENTS_QUEUE, start_signal=WAKE)

    async def settle(self) -> int:
        """Something is stored, and somebody waits for the outcome."""
        self.world.stored += 1
        operation: WithStartWorkflowOperation[object, None] = WithStartWorkflowOperation(
            PATIENT,
            PatientStart(PATIENT_ID, pace=self.pace),
            id=WORKFLOW_ID,
            task_queue=PATIENTS_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        answer: int = await self.client.execute_update_with_start_workflow(
            SETTLE, start_workflow_operation=operation, result_type=int
        )
        return answer

    async def run(self) -> str | None:
        """The present run's id."""
        return (await self.client.get_workflow_handle(WORKFLOW_ID).describe()).run_id

    async def until_it_leaps(self, run: str | None) -> None:
        """Wait until another run follows the patient."""
        async with asyncio.timeout(30):
            while True:
                if await self.run() != run:
                    return
                await asyncio.sleep(A_LOOK)

    async def histories(self) -> list[WorkflowHistory]:
        """Every run, the newest first."""
        runs: list[WorkflowHistory] = []
        run_id = await self.run()
        while run_id:
            runs.append(await self.client.get_workflow_handle(WORKFLOW_ID, run_id=run_id).fetch_history())
            run_id = runs[-1].events[0].workflow_execution_started_event_attributes.continued_execution_run_id or None
        return runs


@asynccontextmanager
async def following(folder: Path, world: World, *, pace: Pace | None = None) -> AsyncIterator[Followed]:
    """A server of its own, and workers that live in ``world``."""
    server = await TemporalServer.start(None, free_port(), log=folder / "temporal.log")
    try:
        client = await Client.connect(server.address, runtime=quiet_runtime())
        served = {
            QUEUES["message"]: world.deliver_message,
            QUEUES["referral"]: world.deliver_referral,
            QUEUES["refill"]: world.deliver_refill,
            QUEUES["advice"]: world.deliver_advice,
        }
        async with AsyncExitStack() as workers:
            await workers.enter_async_context(
                Worker(
                    client,
                    task_queue=PATIENTS_QUEUE,
                    workflows=[PatientWorkflow],
                    activities=[world.take_step, world.give_up],
                    workflow_runner=UnsandboxedWorkflowRunner(),
                )
            )
            for queue, deliver in served.items():
                await workers.enter_async_context(Worker(client, task_queue=queue, activities=[deliver]))
            yield Followed(client, world, pace or Pace())
    finally:
        await server.stop()
