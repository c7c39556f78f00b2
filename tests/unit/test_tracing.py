"""Spans of calls and of their steps, without OpenTelemetry."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from almeno_grpc import tracing
from almeno_grpc.clock import Clock
from almeno_grpc.tracing import (
    current_span,
    current_tracer,
    flush_spans,
    import_span,
    note_import_end,
    set_current_span,
    steps_of_batch,
    use_tracer,
)


@dataclass
class RecordedSpan:
    steps: list[tuple[str, int, int]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=lambda: {"trace_id": "t", "span_id": "s"})
    ended: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)

    def add_step(self, name: str, start_microseconds: int, end_microseconds: int) -> None:
        self.steps.append((name, start_microseconds, end_microseconds))

    def set_attribute(self, name: str, value: str) -> None:
        self.said.append((name, value))

    def fail(self, description: str) -> None:
        self.said.append(("error", description))

    def end(self, code: str = "") -> None:
        self.ended.append(code)


class RecordingTracer:
    def __init__(self) -> None:
        self.imports: list[RecordedSpan] = []
        self.flushed = 0

    def start_import(self, _import_id: str, _kind: str) -> RecordedSpan:
        self.imports.append(RecordedSpan())
        return self.imports[-1]

    def flush(self) -> None:
        self.flushed += 1


@pytest.fixture
def tracer() -> Iterator[RecordingTracer]:
    recording = RecordingTracer()
    use_tracer(recording)
    yield recording
    use_tracer(None)
    set_current_span(None)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of ten microseconds a look."""
    ticks = iter(range(0, 10_000, 10))
    monkeypatch.setattr(Clock, "now_microseconds", staticmethod(lambda: next(ticks)))


@pytest.mark.usefixtures("tracer", "ticking")
def test_each_step_lasts_until_the_next_and_the_last_one_until_the_call_has_its_spans() -> None:
    steps, first, second = steps_of_batch(), RecordedSpan(), RecordedSpan()
    steps.begin_first("position")
    steps.begin("decision")
    steps.add_to(first)
    steps.add_to(None)
    steps.add_to(second)
    assert first.steps == [("position", 0, 10), ("decision", 10, 20)]
    assert second.steps == [("position", 0, 10), ("decision", 10, 30)]


@pytest.mark.usefixtures("tracer", "ticking")
def test_transaction_that_is_tried_again_has_the_steps_of_its_last_attempt() -> None:
    steps, span = steps_of_batch(), RecordedSpan()
    for _ in range(2):
        steps.begin_first("position")
        steps.begin("commit")
    steps.add_to(span)
    assert span.steps == [("position", 20, 30), ("commit", 30, 40)]


def test_import_has_a_span_and_one_that_overtakes_it_another(tracer: RecordingTracer) -> None:
    with import_span("i-1", "LOANS"):
        outer = current_span()
        with import_span("i-2", "CUSTOMERS"):
            assert current_span() is tracer.imports[1]
        assert current_span() is outer
        with pytest.raises(ValueError, match="broken"), import_span("i-3", "LOANS"):
            raise ValueError("broken")
    assert current_span() is None
    assert [span.ended for span in tracer.imports] == [[""], [""], [""]]
    assert [span.said for span in tracer.imports] == [[], [], [("error", "ValueError")]]
    flush_spans()
    assert tracer.flushed == 1


def test_span_of_an_import_says_how_it_has_ended(tracer: RecordingTracer) -> None:
    for state, failed in (("SUCCEEDED", False), ("FAILED", True)):
        with import_span("i-1", "LOANS"):
            note_import_end(state, failed=failed)
    succeeded, broken = (span.said for span in tracer.imports)
    assert succeeded == [("almeno.import_state", "SUCCEEDED")]
    assert broken == [("almeno.import_state", "FAILED"), ("error", "FAILED")]


def test_process_without_a_tracer_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clock, "now_microseconds", staticmethod(lambda: pytest.fail("looked at the clock")))
    assert current_tracer() is None
    steps = steps_of_batch()
    assert steps is tracing._NO_STEPS
    steps.begin_first("position")
    steps.begin("commit")
    steps.add_to(RecordedSpan())
    with import_span("i-1", "LOANS"):
        assert current_span() is None
        note_import_end("SUCCEEDED", failed=False)
    flush_spans()
