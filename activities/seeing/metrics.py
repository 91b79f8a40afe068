"""What is counted, for Prometheus: one object of named metrics over one registry, handed in; none is global.

Rule 1: a label's values are few and come from our own code (codes, route templates, class names): never an id, never what was sent.
Rule 2: every name is written once, here; alerts and the dashboard are tested against this list.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

QUICK = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: From a second to a day: how late something is for a person.
LATE = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 6 * 3600.0, 24 * 3600.0)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Metrics:
    """Everything this process counts. Durations in seconds, moments in seconds since 1970."""

    steps: Counter
    step_seconds: Histogram
    step_faults: Counter
    due_lag_seconds: Histogram
    deliveries: Counter
    delivery_seconds: Histogram
    provider_seconds: Histogram
    texts_received: Counter
    requests: Counter
    request_seconds: Histogram
    unsettled: Gauge
    overdue_oldest_seconds: Gauge
    part_up: Gauge
    housekeeping_seconds: Histogram
    housekeeping_faults: Counter
    housekeeping_last_run: Gauge
    audit_breaks: Gauge
    alerts_open: Gauge
    messages_last_looked_at: Gauge
    backup_last_success: Gauge
    build: Gauge
    registry: CollectorRegistry = field(repr=False)

    @classmethod
    def make(cls, registry: CollectorRegistry | None = None) -> Metrics:
        """Metrics in ``registry``, by default one of their own. Raises ValueError where the registry has them already."""
        r = CollectorRegistry(auto_describe=False) if registry is None else registry
        return cls(
            steps=Counter("cairn_steps", "Steps of patients, by what came of them", ["outcome"], registry=r),
            step_seconds=Histogram("cairn_step_seconds", "How long a step took", buckets=QUICK, registry=r),
            step_faults=Counter("cairn_step_faults", "Steps that failed and are tried again", ["fault"], registry=r),
            due_lag_seconds=Histogram(
                "cairn_due_lag_seconds", "How late a due moment was when its step was taken", buckets=LATE, registry=r
            ),
            deliveries=Counter("cairn_deliveries", "Tries at handing something over, by outcome", ["kind", "outcome"], registry=r),
            delivery_seconds=Histogram(
                "cairn_delivery_seconds", "How long one try at handing over took", ["kind"], buckets=QUICK, registry=r
            ),
            provider_seconds=Histogram(
                "cairn_provider_seconds", "Calls of the SMS provider", ["channel", "what", "outcome"], buckets=QUICK, registry=r
            ),
            texts_received=Counter(
                "cairn_texts_received", "Texts that came in, by whether a patient has the number", ["channel", "known"], registry=r
            ),
            requests=Counter("cairn_requests", "Requests answered", ["method", "route", "status"], registry=r),
            request_seconds=Histogram(
                "cairn_request_seconds", "How long a request took", ["method", "route"], buckets=QUICK, registry=r
            ),
            unsettled=Gauge("cairn_unsettled", "Work that waits, as housekeeping counted it last", ["what"], registry=r),
            overdue_oldest_seconds=Gauge(
                "cairn_overdue_oldest_seconds", "How late the most overdue patient is, as housekeeping saw it last", registry=r
            ),
            part_up=Gauge("cairn_part_up", "1 when the last look found this part answering and fit, else 0", ["part"], registry=r),
            housekeeping_seconds=Histogram(
                "cairn_housekeeping_seconds", "How long a housekeeping job took", ["job"], buckets=(*QUICK, 60.0, 600.0), registry=r
            ),
            housekeeping_faults=Counter("cairn_housekeeping_faults", "Housekeeping jobs that failed", ["job", "fault"], registry=r),
            housekeeping_last_run=Gauge(
                "cairn_housekeeping_last_run_timestamp_seconds", "When a housekeeping job last ended well", ["job"], registry=r
            ),
            audit_breaks=Gauge("cairn_audit_breaks", "Places at which the last check found the audit log broken", registry=r),
            alerts_open=Gauge("cairn_alerts_open", "Alerts about messages that stand, by kind", ["kind"], registry=r),
            messages_last_looked_at=Gauge(
                "cairn_messages_last_looked_at_timestamp_seconds", "When the dead-man switch last compared messages", registry=r
            ),
            backup_last_success=Gauge(
                "cairn_backup_last_success_timestamp_seconds",
                "When the newest verified backup was made",
                ["what"],
                registry=r,
            ),
            build=Gauge("cairn_build_info", "Always 1; which Cairn this is", ["version", "process"], registry=r),
            registry=r,
        )

    @classmethod
    def of_process(cls, process: str, version: str) -> Metrics:
        """Metrics of a process of its own, with its memory, processor time and open files beside them."""
        metrics = cls.make()
        ProcessCollector(registry=metrics.registry)
        metrics.build.labels(version, process).set(1)
        return metrics

    @contextmanager
    def housekeeping(self, job: str) -> Iterator[None]:
        """Around one run of a housekeeping job; ``job`` is a word of our code. What it raises goes on."""
        begun = time.perf_counter()
        try:
            yield
        except Exception as fault:
            self.housekeeping_faults.labels(job, type(fault).__name__).inc()
            raise
        else:
            self.housekeeping_last_run.labels(job).set_to_current_time()
        finally:
            self.housekeeping_seconds.labels(job).observe(time.perf_counter() - begun)

    def no_longer_counts(self) -> None:
        """Another process does the housekeeping now: what this one counted is not to be shown beside what that one does."""
        self.unsettled.clear()
        self.overdue_oldest_seconds.set(0)
        self.audit_breaks.set(0)
        self.alerts_open.clear()

    def names(self) -> frozenset[str]:
        """Every name that a scrape shows of these, with the suffixes that Prometheus adds."""
        found: set[str] = set()
        for part in fields(self):
            metric = getattr(self, part.name)
            if isinstance(metric, Counter | Gauge | Histogram):
                (family,) = metric.describe()
                suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
                found.update(family.name + suffix for suffix in suffixes)
        return frozenset(found)
