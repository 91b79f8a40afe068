"""A step belongs to whoever woke the patient; one that a timer brought belongs to nobody's trace but its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio import activity
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.seeing import Seeing, Traces
from activities.waking import Waker
from records.vault import Vault
from workers.temporal import TemporalServer, connect, free_port
from workflows.contract import PATIENTS_QUEUE, TAKE_STEP, Step, Taken
from workflows.patient import PatientWorkflow


async def test_a_timers_step_does_not_hang_on_the_request_before_it(tmp_path: Path) -> None:
    spans, both = InMemorySpanExporter(), asyncio.Event()
    traces = Traces.into(spans)

    @activity.defn(name=TAKE_STEP)
    async def take_step(asked: Step) -> Taken:
        if asked.number == 1:
            return Taken(next_step=2, due_in=0.01)  # the workflow's own timer brings the second
        both.set()
        return Taken(next_step=3)

    server = await TemporalServer.start(None, free_port(), log=tmp_path / "temporal.log")
    try:
        client = await connect(server.address, "default", Vault(bytes(32)), seeing=Seeing(traces=traces))
        runner = UnsandboxedWorkflowRunner()
        worker = Worker(
            client, task_queue=PATIENTS_QUEUE, workflows=[PatientWorkflow], activities=[take_step], workflow_runner=runner
        )
        async with worker, asyncio.timeout(20):
            with traces.part("request"):
                await Waker(client).wake("p1")
            await both.wait()
    finally:
        await server.stop()

    finished = [(span.name, span.parent, span.context.trace_id) for span in spans.get_finished_spans() if span.context is not None]
    (request,) = (trace for name, _, trace in finished if name == "request")
    steps = [(parent is None, trace == request) for name, parent, trace in finished if name == "patient workflow"]
    assert steps == [(False, True), (True, False)]
    assert len([name for name, _, _ in finished if name == "take_step"]) == 2
