"""Spans: of a call, and of its steps within. What a process without tracing pays is to see that it has no tracer.

`almeno_grpc.open_telemetry` makes the spans, where ALMENO_TRACING=1 asks for them. What a call does in a batch with
others is measured once for all of them; each call has spans of its own for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from almeno_grpc.clock import Clock


class CallSpan(Protocol):
    """The span of a call, or of the import of a file."""

    @property
    def ids(self) -> Mapping[str, str]:
        """`trace_id` and `span_id`, the fields by which lines of the log are found from a trace."""

    def add_step(self, name: str, start_microseconds: int, end_microseconds: int) -> None:
        """Adds a span within this one, of times since the epoch."""

    def set_attribute(self, name: str, value: str) -> None:
        """Describes what the span is of."""

    def fail(self, description: str) -> None:
        """Makes the span one of an error."""

    def end(self, code: str = "") -> None:
        """Ends the span, that of a call with the name of its status code."""


class CallTracer(Protocol):
    """Starts the spans of a process."""

    def start_call(
        self, service: str, method: str, metadata: Iterable[tuple[str, Any]], arrived_seconds: float
    ) -> CallSpan:
        """Starts the span of a call, within the caller's where the metadata have a `traceparent` in W3C's form.

        Args:
            service: Full name of the service.
            method: Name of the method.
            metadata: The call's metadata.
            arrived_seconds: When the call arrived, by `time.perf_counter`.
        """

    def start_import(self, import_id: str, kind: str) -> CallSpan:
        """Starts the span of an import, a trace by itself: its file was uploaded some time ago."""

    def flush(self) -> None:
        """Sends the spans that have ended."""


class Steps:
    """The steps of a batch of calls: each lasts until the next one begins, or until a call is given its spans."""

    def __init__(self) -> None:
        self._began: list[tuple[str, int]] = []

    def begin_first(self, name: str) -> None:
        """Begins the first step; those of an attempt before are forgotten."""
        self._began.clear()
        self.begin(name)

    def begin(self, name: str) -> None:
        """Begins the next step."""
        self._began.append((name, Clock.now_microseconds()))

    def add_to(self, span: CallSpan | None) -> None:
        """Adds the steps, the last one until now, to the span of a call."""
        if span is not None:
            ends = [*(start for _, start in self._began[1:]), Clock.now_microseconds()]
            for (name, start), end in zip(self._began, ends, strict=False):
                span.add_step(name, start, end)


class _NoSteps(Steps):
    """Measures nothing."""

    def begin_first(self, name: str) -> None:
        pass

    def begin(self, name: str) -> None:
        pass

    def add_to(self, span: CallSpan | None) -> None:
        pass


_NO_STEPS = _NoSteps()


class _Process:
    """What this process traces with."""

    tracer: CallTracer | None = None


class _Thread(threading.local):
    """What this thread works on."""

    span: CallSpan | None = None


_thread = _Thread()


def use_tracer(tracer: CallTracer | None) -> None:
    """Has this process trace; to be called before its services are made."""
    _Process.tracer = tracer


def current_tracer() -> CallTracer | None:
    """The tracer of this process; None where it does not trace."""
    return _Process.tracer


def flush_spans() -> None:
    """Sends the spans that have ended, for the process does."""
    if _Process.tracer is not None:
        _Process.tracer.flush()


def set_current_span(span: CallSpan | None) -> None:
    """Names the span of what this thread is about to do."""
    _thread.span = span


def current_span() -> CallSpan | None:
    """The span of what this thread does; None without tracing."""
    return _thread.span


def steps_of_batch() -> Steps:
    """Measures the steps of a batch; nothing, without tracing."""
    return _NO_STEPS if _Process.tracer is None else Steps()


@contextmanager
def import_span(import_id: str, kind: str) -> Iterator[None]:
    """Has the import of a file in a span, which is one of an error where an exception ends it."""
    if _Process.tracer is None:
        yield
        return
    outer = current_span()
    span = _Process.tracer.start_import(import_id, kind)
    set_current_span(span)
    try:
        yield
    except Exception as error:
        span.fail(type(error).__name__)
        raise
    finally:
        span.end()
        set_current_span(outer)


def note_import_end(state: str, *, failed: bool) -> None:
    """Notes in the span of an import the state that it has ended in."""
    if (span := current_span()) is not None:
        span.set_attribute("almeno.import_state", state)
        if failed:
            span.fail(state)
