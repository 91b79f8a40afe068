"""One visit, followed from the request to the provider, on a real Temporal server; and nothing personal on the way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from spine.door import the_door
from spine.people import pressure, somebody
from spine.stack import Stack, moment, standing
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from activities.seeing import Seeing, Traces
from activities.waking import Waker
from records.intake.people import PersonName
from workers.temporal import connect
from workflows.patient import PatientWorkflow

NAME, PHONE, VALUE = "Xochiquetzal", "+8613987650123", "187.25"


@dataclass
class Watched:
    """A stack that is traced; ``spans`` holds what was exported."""

    stack: Stack
    seeing: Seeing
    spans: InMemorySpanExporter

    def finished(self) -> list[ReadableSpan]:
        return list(self.spans.get_finished_spans())

    def of_trace_with(self, name: str) -> list[ReadableSpan]:
        """Every span of the trace that has a span called ``name``; there must be exactly one such trace."""
        (wanted,) = {_trace(span) for span in self.finished() if span.name == name}
        return [span for span in self.finished() if _trace(span) == wanted]


def _trace(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.trace_id


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    """The stack of the spine, whose API, client and workers share one way of seeing."""
    spans = InMemorySpanExporter()
    seeing = Seeing(traces=Traces.into(spans))
    async with standing(tmp_path, start=moment("2025-03-03", "09:00")) as stack, AsyncExitStack() as workers:
        stack.parts = replace(stack.parts, seeing=seeing)
        stack.client = await connect(stack.server.address, "default", stack.parts.vault, seeing=seeing)
        stack.waker = Waker(stack.client)
        stack.__post_init__()
        for worker in stack.parts.workers(stack.client):
            await workers.enter_async_context(worker)
        yield Watched(stack, seeing, spans)


async def the_visit(watched: Watched, *, sbp: float = float(VALUE)) -> str:
    """Somebody is enrolled, and a visit with a value that is an emergency is recorded through the API."""
    stack = watched.stack
    patient = await stack.enrol(somebody(name=PersonName(NAME, NAME, NAME), phone=PHONE))
    await stack.settle()
    watched.spans.clear()
    async with the_door(stack) as door:
        transport = door.http._transport
        assert isinstance(transport, httpx.ASGITransport)
        transport.app.state.seeing = watched.seeing  # type: ignore[attr-defined]
        await door.post("manager", f"/patients/{patient}/visits", {"readings": pressure(sbp, 113.75)})
        await door.get("manager", "/patients", search=NAME)
    await stack.settle()
    return patient


async def test_a_visit_is_followed_from_the_request_to_the_provider_in_one_trace(watched: Watched) -> None:
    patient = await the_visit(watched)
    spans = watched.of_trace_with("POST /api/v1/patients/{patient_id}/visits")
    names = {span.name for span in spans}
    assert {"update settle", "patient workflow", "take_step", "step", "deliver_message", "delivery", "provider"} <= names
    by_id = {span.context.span_id: span for span in spans if span.context is not None}
    (root,) = [span for span in spans if span.parent is None]
    assert root.name == "POST /api/v1/patients/{patient_id}/visits"
    assert all(span.parent is None or span.parent.span_id in by_id for span in spans), "no span is an orphan"

    def way_of(span: ReadableSpan) -> list[str]:
        above = by_id[span.parent.span_id] if span.parent is not None else None
        return [*(way_of(above) if above is not None else []), span.name]

    provider = next(span for span in spans if span.name == "provider")
    assert way_of(provider) == [
        root.name, "update settle", "patient workflow", "deliver_message", "delivery", "provider"
    ]  # fmt: skip
    assert provider.attributes == {"cairn.channel": "sandbox", "cairn.what": "send", "cairn.outcome": "answered"}
    assert {span.attributes["cairn.patient"] for span in spans if span.attributes and "cairn.patient" in span.attributes} == {
        patient
    }


async def test_nothing_personal_is_in_any_span(watched: Watched) -> None:
    await the_visit(watched)
    spans = watched.finished()
    said = json.dumps([json.loads(span.to_json()) for span in spans], ensure_ascii=False)
    assert len(spans) > 8
    for canary in (NAME, PHONE[1:], VALUE, "113.75", "hypertension", "search="):
        assert canary not in said, canary
    assert not any(span.events for span in spans), "exceptions and their stacks are not recorded"


async def test_a_step_that_a_moment_brought_begins_a_trace_of_its_own(watched: Watched) -> None:
    await the_visit(watched, sbp=130.0)
    told = {_trace(span) for span in watched.finished()}
    await watched.stack.live(moment("2025-06-30"))
    later = [span for span in watched.finished() if _trace(span) not in told]
    assert {"wake or start", "signal wake"} & {span.name for span in later}, "housekeeping woke the patient"
    assert "take_step" in {span.name for span in later}


async def test_a_step_that_nobody_traced_asked_for_is_the_root_of_its_own_trace(watched: Watched) -> None:
    """As a timer's is: the workflow begins a trace, and its step and deliveries hang on it."""
    stack = watched.stack
    stack.waker = Waker(await connect(stack.server.address, "default", stack.parts.vault))
    await stack.enrol(somebody())
    await stack.settle()
    spans = watched.finished()
    (begun,) = {_trace(span) for span in spans if span.name == "take_step"}
    roots = [span.name for span in spans if span.parent is None and _trace(span) == begun]
    assert roots == ["patient workflow"]


async def test_a_traced_history_holds_ids_only_and_replays_without_tracing(watched: Watched) -> None:
    patient = await the_visit(watched)
    for history in await watched.stack.histories(patient):
        for event in history.events:
            for kind in ("workflow_execution_started", "workflow_execution_signaled", "activity_task_scheduled"):
                headers = getattr(event, f"{kind}_event_attributes").header.fields
                assert set(headers) <= {"traceparent"}
                for payload in headers.values():
                    assert len(json.loads(payload.data)) == len("00-" + 32 * "f" + "-" + 16 * "f" + "-01")
        codec = watched.stack.client.data_converter
        replayer = Replayer(workflows=[PatientWorkflow], workflow_runner=UnsandboxedWorkflowRunner(), data_converter=codec)
        await replayer.replay_workflow(history)
