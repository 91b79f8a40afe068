"""The workers in a process of their own, which may be told to die at a chosen moment.

Everything is imported once; each line on stdin (JSON, see ``Order``) then forks a process that serves until it is told to stop
(a line, or the end of stdin) or kills itself. On stdout: ``started PID``, later ``ended STATUS`` (negative: a signal).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import time as clock_time
from datetime import timedelta
from typing import Any, NoReturn

from sqlalchemy import event
from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ContinueAsNewInput,
    ExecuteActivityInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from activities.channels.port import OutgoingSms
from activities.channels.registry import Channels
from activities.channels.sandbox import SandboxChannel
from activities.plans import Plans
from activities.steps import Engine
from pathways.engine import Outcome, State, step
from pathways.engine.commands import Reason
from pathways.engine.events import AnyEvent
from pathways.engine.plan import ContactRules, Plan
from pathways.engine.turn import Ahead
from pathways.language import Loaded, library
from workers.parts import Parts
from workers.settings import Settings
from workers.temporal import connect
from workflows.contract import TAKE_STEP, Taken

#: Where a process may die. ``after_activity`` counts every activity that came to its end.
MOMENTS = ("after_accept", "after_step", "before_commit", "continue_as_new", "new_run", "after_activity")


@dataclass(frozen=True)
class Order:
    """``die_at``: one of MOMENTS or empty; ``die_after``: at which time that moment comes. ``engine``: 1, or the changed 2."""

    home: str
    address: str
    engine: str = "1"
    die_at: str = ""
    die_after: int = 1


@dataclass
class Fate:
    """Counts moments and dies at the chosen one: no farewell, nothing flushed."""

    order: Order
    seen: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def comes(self, at: str) -> None:
        self.seen[at] += 1
        if at == self.order.die_at and self.seen[at] == self.order.die_after:
            die()


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    while True:
        time.sleep(1)


class Fateful(Interceptor):
    """Lets the fate see what happens in a worker."""

    def __init__(self, fate: Fate) -> None:
        self.fate = fate
        self.runs: dict[str, set[str]] = defaultdict(set)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activities(self, next)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        fate = self.fate

        class Outbound(WorkflowOutboundInterceptor):
            def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
                fate.comes("continue_as_new")
                self.next.continue_as_new(input)

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                self.next.init(Outbound(outbound))

        return Inbound


class _Activities(ActivityInboundInterceptor):
    def __init__(self, fateful: Fateful, next: ActivityInboundInterceptor) -> None:
        super().__init__(next)
        self.fateful = fateful

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info, fate = activity.info(), self.fateful.fate
        if info.activity_type == TAKE_STEP:
            runs = self.fateful.runs[info.workflow_id or ""]
            runs.add(info.workflow_run_id or "")
            if len(runs) > 1:
                fate.comes("new_run")
        result = await self.next.execute_activity(input)
        if isinstance(result, Taken) and result.handovers:
            fate.comes("after_step")
        fate.comes("after_activity")
        return result


def changed_step(plan: Plan, state: State, event: AnyEvent, ahead: Ahead) -> Outcome:
    """A later engine: it says more."""
    outcome = step(plan, state, event, ahead)
    said = Reason(at=event.learnt, code="engine_two_was_here")
    return replace(outcome, reasons=(*outcome.reasons, said))


CHANGED = Engine("3", step=changed_step)
CHANGED_CONTACT = ContactRules(opens=clock_time(14, 0))


def watch_commits(parts: Parts, fate: Fate) -> None:
    """See the commit of a step before it is one."""
    engine = parts.database.engine.sync_engine

    @event.listens_for(engine, "before_cursor_execute")
    def _sees(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO step "):
            connection.info["step"] = True

    @event.listens_for(engine, "commit")
    def _commits(connection: Any) -> None:
        if connection.info.pop("step", False):
            fate.comes("before_commit")


def shipped() -> dict[str, Loaded]:
    """The shipped pathways as compiled before the fork."""
    return {loaded.pathway.version: loaded for loaded in library().values() if loaded.pathway is not None}


async def serve(order: Order) -> None:
    """Run all workers until stdin says something, or ends."""
    fate = Fate(order)
    parts = Parts.make(Settings.read({"CAIRN_HOME": order.home}))
    watch_commits(parts, fate)

    async def now() -> Any:
        async with parts.database.reading() as session:
            return await parts.clock.now(session)

    async def accepted(_: OutgoingSms) -> None:
        fate.comes("after_accept")

    assert isinstance(parts.channel, SandboxChannel)
    channel = SandboxChannel(parts.settings.home / "sandbox-provider.db", now=now, after_accept=accepted)
    plans = Plans(contact=ContactRules() if order.engine == "1" else CHANGED_CONTACT, loaded=shipped())
    parts = replace(parts, channels=Channels.of(channel), plans=plans)
    engine = Engine() if order.engine == "1" else CHANGED
    told = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, told.set)
    client = await connect(order.address, "default", parts.vault)
    async with AsyncExitStack() as workers:
        for worker in parts.workers(client, engine=engine, interceptors=[Fateful(fate)], sticky=timedelta(seconds=0.5)):
            await workers.enter_async_context(worker)
        await told.wait()
    os.read(0, 100)
    await parts.close()


def main() -> None:
    library().pathways()  # compiled once, before any process is forked
    orders = os.fdopen(os.dup(0), "rb", buffering=0)
    print("ready", flush=True)
    while line := orders.readline():
        order = Order(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                asyncio.run(serve(order))
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        print(f"started {pid}", flush=True)
        _, status = os.waitpid(pid, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    main()
