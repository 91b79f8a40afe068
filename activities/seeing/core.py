"""The Temporal SDK's own metrics beside ours: which workflow tasks fail, how full a worker is, how long tasks wait.

The SDK counts in its core and shows its counts on a port that only this machine reaches; they are read there when somebody
scrapes us, so that a step costs nothing for it. Only the families below are passed on.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.core import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from temporalio.runtime import LoggingConfig, PrometheusConfig, Runtime, TelemetryConfig, TelemetryFilter

#: Families by the type that Prometheus knows them by.
PASSED_ON = {
    "temporal_workflow_task_execution_failed": "counter",
    "temporal_workflow_task_execution_latency_seconds": "histogram",
    "temporal_workflow_task_schedule_to_start_latency_seconds": "histogram",
    "temporal_workflow_task_replay_latency_seconds": "histogram",
    "temporal_activity_execution_failed": "counter",
    "temporal_activity_schedule_to_start_latency_seconds": "histogram",
    "temporal_local_activity_execution_failed": "counter",
    "temporal_request_failure": "counter",
    "temporal_long_request_failure": "counter",
    "temporal_sticky_cache_size": "gauge",
    "temporal_worker_task_slots_available": "gauge",
    "temporal_worker_task_slots_used": "gauge",
    "temporal_num_pollers": "gauge",
}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
QUIET = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))  # its warnings quote failures


def runtime_that_counts(port: int) -> Runtime:
    """A runtime whose core shows its counts on ``port`` of this machine. Raises ValueError where the port is taken."""
    shown = PrometheusConfig(
        bind_address=f"127.0.0.1:{port}", counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
    )
    return Runtime(telemetry=TelemetryConfig(logging=QUIET, metrics=shown))


@dataclass(frozen=True)
class CoreMetrics(Collector):
    """Reads the core's counts at each scrape; where they cannot be read there are none, and ours are shown all the same."""

    port: int

    @classmethod
    def beside(cls, registry: CollectorRegistry, port: int) -> CoreMetrics:
        """Show them with what ``registry`` has."""
        collector = cls(port)
        registry.register(collector)
        return collector

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked when it is registered."""
        return []

    def collect(self) -> Iterable[Metric]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=2) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, OSError):
            return
        for family in text_string_to_metric_families(text):
            if family.name in PASSED_ON:
                yield family


def names() -> frozenset[str]:
    """Every name that a scrape may show of these."""
    return frozenset(family + suffix for family, kind in PASSED_ON.items() for suffix in SUFFIXES[kind])
