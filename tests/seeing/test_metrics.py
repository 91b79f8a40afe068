"""What is counted of requests and housekeeping, and that labels stay few."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from activities.seeing import Metrics, Seeing, Traces
from api.observing import observe

NAME = "Xochiquetzal"


def value(seeing: Seeing, name: str, **labels: str) -> float:
    return seeing.metrics.registry.get_sample_value(name, labels) or 0.0


def test_a_housekeeping_job_is_timed_and_only_a_good_end_counts_as_run() -> None:
    seeing = Seeing()
    with pytest.raises(KeyError), seeing.metrics.housekeeping("wake"):
        raise KeyError(NAME)
    assert value(seeing, "cairn_housekeeping_faults_total", job="wake", fault="KeyError") == 1
    assert value(seeing, "cairn_housekeeping_last_run_timestamp_seconds", job="wake") == 0
    with seeing.metrics.housekeeping("wake"):
        pass
    assert value(seeing, "cairn_housekeeping_last_run_timestamp_seconds", job="wake") > 0
    assert value(seeing, "cairn_housekeeping_seconds_count", job="wake") == 2


def test_a_process_that_hands_housekeeping_over_shows_no_stale_counts() -> None:
    seeing = Seeing()
    seeing.metrics.unsettled.labels("unknown").set(3)
    seeing.metrics.overdue_oldest_seconds.set(900)
    seeing.metrics.no_longer_counts()
    shown = generate_latest(seeing.metrics.registry).decode()
    assert "cairn_unsettled{" not in shown
    assert value(seeing, "cairn_overdue_oldest_seconds") == 0


def test_two_processes_in_one_test_count_each_for_themselves() -> None:
    one, other = Metrics.make(), Metrics.make()
    one.steps.labels("taken").inc()
    assert other.registry.get_sample_value("cairn_steps_total", {"outcome": "taken"}) is None


# --- requests
@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def seeing(spans: InMemorySpanExporter) -> Seeing:
    return Seeing(traces=Traces.into(spans))


@pytest.fixture
async def http(seeing: Seeing) -> AsyncIterator[httpx.AsyncClient]:
    """A small application whose routes are included under a prefix, as ours are."""
    app, router = FastAPI(), APIRouter(prefix="/patients")

    @router.get("/{patient_id}")
    async def one(patient_id: str) -> dict[str, str]:
        if patient_id == "broken":
            raise ZeroDivisionError(NAME)
        return {}

    @router.get("/{patient_id}/changes")
    async def changes(patient_id: str) -> StreamingResponse:
        return StreamingResponse(iter([b"data: x\n\n"]), media_type="text/event-stream")

    app.include_router(router, prefix="/api/v1")
    observe(app, seeing)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://cairn.test") as http:
        yield http


async def test_requests_are_counted_by_template_method_and_status(http: httpx.AsyncClient, seeing: Seeing) -> None:
    route = "/api/v1/patients/{patient_id}"
    for patient in ("a", "b", NAME):
        await http.get(f"/api/v1/patients/{patient}", params={"search": NAME})
    await http.get("/api/v1/patients/broken")
    await http.post("/api/v1/patients/a")
    await http.request("BREW", f"/{NAME}")
    await http.get("/api/v1/patients/a/changes")
    assert value(seeing, "cairn_requests_total", method="GET", route=route, status="200") == 3
    assert value(seeing, "cairn_requests_total", method="GET", route=route, status="500") == 1
    assert value(seeing, "cairn_requests_total", method="POST", route=route, status="405") == 1
    assert value(seeing, "cairn_requests_total", method="OTHER", route="(none)", status="404") == 1
    assert value(seeing, "cairn_request_seconds_count", method="GET", route=f"{route}/changes") == 1
    assert NAME.encode() not in generate_latest(seeing.metrics.registry)


async def test_a_request_that_fails_is_logged_and_traced_without_its_words(
    http: httpx.AsyncClient, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    await http.get("/api/v1/patients/broken", params={"search": NAME}, headers={"tracestate": f"a={NAME}", "baggage": f"n={NAME}"})
    (span,) = spans.get_finished_spans()
    assert span.name == "GET /api/v1/patients/{patient_id}"
    assert dict(span.attributes or {}) == {
        "cairn.method": "GET",
        "cairn.route": "/api/v1/patients/{patient_id}",
        "cairn.status": 500,
    }
    assert span.status.description == "ZeroDivisionError"
    assert NAME not in span.to_json()
    ours = [record for record in caplog.records if record.name == "cairn"]
    assert [record.msg["event"] for record in ours if isinstance(record.msg, dict)] == ["request_failed"]
    assert NAME not in str([record.__dict__ for record in ours])


async def test_a_callers_trace_is_gone_on_with(http: httpx.AsyncClient, spans: InMemorySpanExporter) -> None:
    await http.get("/api/v1/patients/a", headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01", "tracestate": f"a={NAME}"})
    (span,) = spans.get_finished_spans()
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == "ab" * 16
    assert not span.context.trace_state


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_look_at_health_is_counted_and_not_traced(http: httpx.AsyncClient, spans: InMemorySpanExporter, path: str) -> None:
    await http.get(path)
    assert spans.get_finished_spans() == ()
