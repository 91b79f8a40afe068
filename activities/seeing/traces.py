"""Traces: from a request through the patient's workflow and step to the provider. Without a tracer they cost a function call.

Rule 1: attributes are checked like the fields of a log line; an exception is its type, never its text or its stack.
Rule 2: what travels on is the W3C ``traceparent`` alone: two ids and a flag. What callers put beside it (state, baggage) does not.
Rule 3: no provider is set for the whole process: who traces was handed the tracer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from activities.seeing.fields import sayable

CARRIED = "traceparent"
_PROPAGATOR = TraceContextTextMapPropagator()


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Part:
    """One span that is under way, or none."""

    span: Span | None = None

    def says(self, **fields: str | int | float | bool) -> None:
        """Put these on the span, as far as they may be said."""
        if self.span is not None:
            self.span.set_attributes({f"cairn.{name}": value for name, value in fields.items() if sayable(name, value)})

    def named(self, name: str) -> None:
        """Its name turned out later: a request's route, for one."""
        if self.span is not None:
            self.span.update_name(name)

    def failed(self, kind: str) -> None:
        """It did not go well; ``kind`` is a word of our code or the name of an exception's class."""
        if self.span is not None:
            self.span.set_status(Status(StatusCode.ERROR, kind))


_NO_PART = Part()


@dataclass(frozen=True)
class Traces:
    """Where spans are begun. ``tracer`` None: nowhere."""

    tracer: Tracer | None = None
    close: Callable[[], None] = field(default=_nothing, repr=False)

    @classmethod
    def to_endpoint(cls, endpoint: str, process: str, *, share: float = 1.0) -> Traces:
        """Traces sent by OTLP over HTTP to ``endpoint`` (such as http://127.0.0.1:4318); ``share`` of them, 0 to 1.

        Nothing is sent, and nothing imported, when the endpoint is empty. ``close`` sends what is left, within seconds.
        """
        if not endpoint:
            return cls()
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
        return cls._through(exporter, process, share=share, at_once=False)

    @classmethod
    def into(cls, exporter: SpanExporter, process: str = "test") -> Traces:
        """Traces handed to ``exporter`` one by one, as they end."""
        return cls._through(exporter, process, share=1.0, at_once=True)

    @classmethod
    def _through(cls, exporter: SpanExporter, process: str, *, share: float, at_once: bool) -> Traces:
        provider = TracerProvider(
            # Made by hand: the detected resource would tell host names and command lines.
            resource=Resource({"service.name": f"cairn-{process}"}),
            sampler=ParentBased(TraceIdRatioBased(share)),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(SimpleSpanProcessor(exporter) if at_once else BatchSpanProcessor(exporter))
        return cls(provider.get_tracer("cairn"), provider.shutdown)

    @property
    def on(self) -> bool:
        return self.tracer is not None

    @contextmanager
    def part(
        self, name: str, side: SpanKind = SpanKind.INTERNAL, *, after: str | None = None, **fields: str | int | float | bool
    ) -> Iterator[Part]:
        """A span around what is done in here. ``after``: the ``traceparent`` it follows, else the span that is under way."""
        if self.tracer is None:
            yield _NO_PART
            return
        before = read(after) if after is not None else None
        with self.tracer.start_as_current_span(name, before, side, record_exception=False, set_status_on_exception=False) as span:
            part = Part(span)
            part.says(**fields)
            try:
                yield part
            except Exception as fault:
                part.failed(type(fault).__name__)
                raise

    def moment(self, name: str, *, after: str | None, at_ns: int, **fields: str | int | float | bool) -> str | None:
        """A span without a duration at ``at_ns`` (since 1970), for what must not be held open; answers its ``traceparent``."""
        if self.tracer is None:
            return None
        span = self.tracer.start_span(name, read(after) if after is not None else Context(), start_time=at_ns)
        Part(span).says(**fields)
        span.end(at_ns)
        return carried(trace.set_span_in_context(span, Context()))


def read(traceparent: str) -> Context:
    """The context that a ``traceparent`` tells of; an empty one where it tells of none."""
    return _PROPAGATOR.extract({CARRIED: traceparent}, Context())


def carried(context: Context | None = None) -> str | None:
    """The ``traceparent`` of this context, by default the present one; None outside of a trace."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, context if context is not None else contexts.get_current())
    return carrier.get(CARRIED)


def trace_id() -> str | None:
    """The id of the trace that is under way, as 32 hexadecimal digits."""
    told = trace.get_current_span().get_span_context()
    return f"{told.trace_id:032x}" if told.is_valid else None
