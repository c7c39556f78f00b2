"""Tracing by OpenTelemetry. Its packages come with the extra `otel`: this module is imported where a process traces.

OpenTelemetry's own variables say what becomes of the spans: OTEL_TRACES_EXPORTER (names of the entry points
`opentelemetry_traces_exporter`, or `otlp`), OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME,
OTEL_RESOURCE_ATTRIBUTES.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from almeno_grpc.clock import Clock
from almeno_grpc.trace_exporters import trace_exporters
from almeno_grpc.tracing import use_tracer

NANOSECONDS = 1000
"""Of a microsecond."""
FAULTS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
"""Codes with which a server's span is one of an error, by OpenTelemetry's conventions for gRPC."""
FLUSH_MILLISECONDS = 1000
"""How long the end of a process waits for its last spans to be sent."""


class OpenTelemetrySpan:
    """A span, and those of its steps."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._context = trace.set_span_in_context(span)
        place = span.get_span_context()
        self.ids = {"trace_id": f"{place.trace_id:032x}", "span_id": f"{place.span_id:016x}"}

    def add_step(self, name: str, start_microseconds: int, end_microseconds: int) -> None:
        """Adds a span within this one, of times since the epoch."""
        step = self._tracer.start_span(name, context=self._context, start_time=start_microseconds * NANOSECONDS)
        step.end(end_time=end_microseconds * NANOSECONDS)

    def set_attribute(self, name: str, value: str) -> None:
        """Describes what the span is of."""
        self._span.set_attribute(name, value)

    def fail(self, description: str) -> None:
        """Makes the span one of an error."""
        self._span.set_status(Status(StatusCode.ERROR, description))

    def end(self, code: str = "") -> None:
        """Ends the span, that of a call with the name of its status code."""
        if code:
            self._span.set_attribute("rpc.grpc.status_code", grpc.StatusCode[code].value[0])
            if code in FAULTS:
                self.fail(code)
        self._span.end()


class OpenTelemetryTracer:
    """Starts the spans of a process."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()

    def start_call(
        self, service: str, method: str, metadata: Iterable[tuple[str, Any]], arrived_seconds: float
    ) -> OpenTelemetrySpan:
        """Starts the span of a call, within the caller's."""
        carrier = {key: value for key, value in metadata if key in ("traceparent", "tracestate")}
        waited_microseconds = round((time.perf_counter() - arrived_seconds) * 1_000_000)
        span = self._tracer.start_span(
            f"{service}/{method}",
            context=self._propagator.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": method},
            start_time=(Clock.now_microseconds() - waited_microseconds) * NANOSECONDS,
        )
        return OpenTelemetrySpan(self._tracer, span)

    def start_import(self, import_id: str, kind: str) -> OpenTelemetrySpan:
        """Starts the span of an import."""
        attributes = {"almeno.import_id": import_id, "almeno.import_kind": kind}
        return OpenTelemetrySpan(self._tracer, self._tracer.start_span("import", attributes=attributes))

    def flush(self) -> None:
        """Sends the spans that have ended, for a second at most."""
        provider = trace.get_tracer_provider()
        if isinstance(provider, TracerProvider):
            provider.force_flush(FLUSH_MILLISECONDS)


def start_tracing(role: str) -> None:
    """Begins to trace in this process; under `opentelemetry-instrument`, with the provider that it has made.

    Args:
        role: What the process does, as in the log.

    Raises:
        ConfigurationError: OpenTelemetry's variables name an exporter that is not installed.
    """
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = TracerProvider(resource=describe_process(role))
        for exporter in trace_exporters(os.environ):
            provider.add_span_processor(BatchSpanProcessor(exporter.load()()))
        trace.set_tracer_provider(provider)
    use_tracer(OpenTelemetryTracer(trace.get_tracer("almeno_grpc", version("almeno-grpc"))))


def describe_process(role: str) -> Resource:
    """What the spans of this process are said to come from; the variables of the environment win.

    Args:
        role: What the process does, as in the log.
    """
    described = {
        "service.name": "almeno-server",
        "service.version": version("almeno-grpc"),
        "service.instance.id": f"{role}-{os.getpid()}",
    }
    return Resource.create({**described, **OTELResourceDetector().detect().attributes})
