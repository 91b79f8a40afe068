"""One trace through Temporal: who woke the patient, the patient's workflow, the step that was taken, what was handed over.

The SDK's own interceptor hangs everything a workflow does on whoever started it, which for a patient is the enrolment years
ago, and writes an exception's text and stack into its spans. So this one is ours.

Rule 1: what is put into Temporal's history is a ``traceparent``: two ids and a flag.
Rule 2: a step belongs to who woke the workflow last before it; one that a timer took begins a trace of its own.
Rule 3: nothing here changes what a workflow asks for; a history replays with it and without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.trace import SpanKind
from temporalio import activity, client, converter, worker, workflow
from temporalio.api.common.v1 import Payload

from activities.seeing.traces import CARRIED, Traces, carried
from workflows.contract import TAKE_STEP

_CONVERTER = converter.PayloadConverter.default
_STEP_SPAN = "cairn_step_span"
Headers = Mapping[str, Payload]


def told_in(headers: Headers) -> str | None:
    """The ``traceparent`` that came with a call."""
    payload = headers.get(CARRIED)
    return None if payload is None else str(_CONVERTER.from_payload(payload, str))


def telling(headers: Headers, traceparent: str | None) -> Headers:
    """The headers with a ``traceparent``."""
    if traceparent is None:
        return headers
    return {**headers, CARRIED: _CONVERTER.to_payload(traceparent)}


def opaque(workflow_id: str | None) -> str:
    """``patient/<id>`` as the id alone."""
    return (workflow_id or "").rpartition("/")[2]


class Tracing(client.Interceptor, worker.Interceptor):
    """Handed to the client; workers of that client take it from there."""

    def __init__(self, traces: Traces) -> None:
        self.traces = traces

    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:
        return _Calls(next, self.traces)

    def intercept_activity(self, next: worker.ActivityInboundInterceptor) -> worker.ActivityInboundInterceptor:
        return _Activities(next, self.traces)

    def workflow_interceptor_class(self, input: worker.WorkflowInterceptorClassInput) -> type[worker.WorkflowInboundInterceptor]:
        input.unsafe_extern_functions[_STEP_SPAN] = self._step_span
        return _Wakes

    def _step_span(self, after: str | None, at_ns: int, patient: str) -> str | None:
        return self.traces.moment("patient workflow", after=after, at_ns=at_ns, patient=patient)


class _Calls(client.OutboundInterceptor):
    """Calls of workflows from outside."""

    def __init__(self, next: client.OutboundInterceptor, traces: Traces) -> None:
        super().__init__(next)
        self._traces = traces

    async def start_workflow(self, input: client.StartWorkflowInput) -> client.WorkflowHandle[Any, Any]:
        with self._call("wake or start", input.id):
            input.headers = telling(input.headers, carried())
            return await super().start_workflow(input)

    async def signal_workflow(self, input: client.SignalWorkflowInput) -> None:
        with self._call(f"signal {input.signal}", input.id):
            input.headers = telling(input.headers, carried())
            await super().signal_workflow(input)

    async def start_workflow_update(self, input: client.StartWorkflowUpdateInput) -> client.WorkflowUpdateHandle[Any]:
        with self._call(f"update {input.update}", input.id):
            input.headers = telling(input.headers, carried())
            return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self, input: client.StartWorkflowUpdateWithStartInput
    ) -> client.WorkflowUpdateHandle[Any]:
        with self._call(f"update {input.update_workflow_input.update}", input.start_workflow_input.id):
            input.start_workflow_input.headers = telling(input.start_workflow_input.headers, carried())
            input.update_workflow_input.headers = telling(input.update_workflow_input.headers, carried())
            return await super().start_update_with_start_workflow(input)

    def _call(self, name: str, workflow_id: str) -> Any:
        return self._traces.part(name, SpanKind.CLIENT, patient=opaque(workflow_id))


class _Activities(worker.ActivityInboundInterceptor):
    """Each run of an activity, under what the workflow told."""

    def __init__(self, next: worker.ActivityInboundInterceptor, traces: Traces) -> None:
        super().__init__(next)
        self._traces = traces

    async def execute_activity(self, input: worker.ExecuteActivityInput) -> Any:
        info = activity.info()
        with self._traces.part(
            info.activity_type,
            SpanKind.SERVER,
            after=told_in(input.headers) or "",
            patient=opaque(info.workflow_id),
            attempts=info.attempt,
        ):
            return await super().execute_activity(input)


class _Wakes(worker.WorkflowInboundInterceptor):
    """Remembers who woke the workflow last; within the workflow, so it does only what a replay does again."""

    woken_by: str | None = None

    def init(self, outbound: worker.WorkflowOutboundInterceptor) -> None:
        super().init(_Asks(outbound, self))

    async def execute_workflow(self, input: worker.ExecuteWorkflowInput) -> Any:
        self.woken_by = told_in(input.headers) or self.woken_by
        return await super().execute_workflow(input)

    async def handle_signal(self, input: worker.HandleSignalInput) -> None:
        self.woken_by = told_in(input.headers) or self.woken_by
        await super().handle_signal(input)

    async def handle_update_handler(self, input: worker.HandleUpdateInput) -> Any:
        self.woken_by = told_in(input.headers) or self.woken_by
        return await super().handle_update_handler(input)


class _Asks(worker.WorkflowOutboundInterceptor):
    """Tells activities what they follow: a step who woke the workflow, a delivery the step that planned it."""

    def __init__(self, next: worker.WorkflowOutboundInterceptor, wakes: _Wakes) -> None:
        super().__init__(next)
        self._wakes = wakes
        self._step: str | None = None

    def start_local_activity(self, input: worker.StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        if input.activity == TAKE_STEP:
            self._step, self._wakes.woken_by = self._begin(self._wakes.woken_by), None
        input.headers = telling(input.headers, self._step)
        return super().start_local_activity(input)

    def start_activity(self, input: worker.StartActivityInput) -> workflow.ActivityHandle[Any]:
        input.headers = telling(input.headers, self._step)
        return super().start_activity(input)

    @staticmethod
    def _begin(woken_by: str | None) -> str | None:
        if workflow.unsafe.is_replaying():
            return woken_by  # its span was told of when it happened
        step_span = workflow.extern_functions()[_STEP_SPAN]
        begun: str | None = step_span(woken_by, workflow.time_ns(), opaque(workflow.info().workflow_id))
        return begun
