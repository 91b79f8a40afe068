"""The bare workflow that everything is measured against: start, one no-op activity, one timer, one signal.

It keeps nothing, knows nothing and seals nothing: plain client, plain payloads, the same workflow runner as the patients'.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE = "bare"
NO_OP = "no_op"
LONG = timedelta(days=30)


@workflow.defn(name="BareSleeper")
class BareSleeper:
    """One no-op activity, then asleep for a long time."""

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(NO_OP, start_to_close_timeout=timedelta(seconds=30))
        await workflow.sleep(LONG)


@workflow.defn(name="BareCycle")
class BareCycle:
    """For ever: wait for a signal, sleep ``nap`` seconds, one no-op activity."""

    def __init__(self) -> None:
        self._signals = 0
        self._seen = 0

    @workflow.run
    async def run(self, nap: float) -> None:
        while True:
            await workflow.wait_condition(lambda: self._signals > self._seen)
            self._seen += 1
            await workflow.sleep(nap)
            await workflow.execute_activity(NO_OP, start_to_close_timeout=timedelta(seconds=30))

    @workflow.signal(name="go")
    def go(self) -> None:
        self._signals += 1


@dataclass
class Tally:
    """How often the no-op ran."""

    done: int = field(default=0)

    @activity.defn(name=NO_OP)
    async def no_op(self) -> None:
        self.done += 1


def worker(client: Client, tally: Tally) -> Worker:
    """A worker for both, as unsandboxed and with as large a cache as the patients'."""
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=[BareSleeper, BareCycle],
        activities=[tally.no_op],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=2000,
    )
