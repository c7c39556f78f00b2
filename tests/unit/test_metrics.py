"""What a process counts: calls as they begin and end, batches, commits, and gauges as they are when they are read."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.metrics import CALL_SLOTS, DATABASE_CONNECTIONS_MAX, MethodLabels, PrometheusMetrics
from almeno_grpc.service.batching import BatchQueue

CHECK = MethodLabels("almeno.credit.v1.CreditService", "CheckEligibility", "unary")
WATCH = MethodLabels("almeno.credit.v1.PortfolioService", "WatchImport", "server_stream")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> PrometheusMetrics:
    return PrometheusMetrics(registry)


def test_calls_are_in_flight_from_their_beginning_to_their_end(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    def figures(method: MethodLabels) -> tuple[float | None, ...]:
        metrics.sample()
        labels = method._asdict()
        names = ("grpc_server_started_total", "almeno_calls_in_flight")
        return tuple(registry.get_sample_value(name, labels) for name in names)

    assert figures(CHECK) == (None, None)
    for _ in range(3):
        metrics.call_began(CHECK)
    metrics.call_began(WATCH)
    metrics.call(CHECK, "OK", 0.01)
    metrics.call(CHECK, "NOT_FOUND", 0.01)
    assert figures(CHECK) == (3, 1)
    # Sampled again they are no others.
    assert figures(CHECK) == (3, 1)
    metrics.call(CHECK, "OK", 0.01)
    assert (figures(CHECK), figures(WATCH)) == ((3, 0), (1, 1))


def test_calls_that_begin_and_end_on_several_threads_are_all_counted(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    def serve() -> None:
        for _ in range(500):
            metrics.call_began(CHECK)
            metrics.call(CHECK, "OK", 0.001)

    with ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(serve) for _ in range(4)]:
            future.result()
    metrics.sample()
    assert registry.get_sample_value("grpc_server_started_total", CHECK._asdict()) == 2000
    assert registry.get_sample_value("almeno_calls_in_flight", CHECK._asdict()) == 0


def test_batch_is_counted_by_its_size_and_its_queue_shows_who_waits(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    first_runs, may_run, ran = threading.Event(), threading.Event(), threading.Semaphore(0)

    def run(take) -> None:
        calls = take()
        first_runs.set()
        assert may_run.wait(10)
        for _ in calls:
            ran.release()

    queue: BatchQueue[str] = BatchQueue("checks", run, max_calls=100, metrics=metrics)
    queue.submit("first")
    assert first_runs.wait(10)
    for call in ("second", "third", "fourth"):
        queue.submit(call)
    metrics.sample()
    waiting = registry.get_sample_value("almeno_calls_waiting", {"queue": "checks"})
    may_run.set()
    for _ in range(4):
        assert ran.acquire(timeout=10)
    queue.close()
    assert waiting == 3
    counts = [
        registry.get_sample_value("almeno_batch_calls_bucket", {"queue": "checks", "le": le}) for le in ("1.0", "4.0")
    ]
    assert counts == [1, 2]
    assert registry.get_sample_value("almeno_batch_calls_sum", {"queue": "checks"}) == 4


def test_transaction_is_counted_by_its_wait_and_its_commit(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    metrics.transaction(0.5, 0.002)
    assert registry.get_sample_value("almeno_write_wait_seconds_sum") == 0.5
    assert registry.get_sample_value("almeno_commit_seconds_sum") == 0.002


def test_gauge_that_cannot_be_read_is_logged_and_hurts_nobody(
    registry: CollectorRegistry, metrics: PrometheusMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    def read() -> int:
        raise StoreUnavailable("the pool is gone")

    metrics.gauge(CALL_SLOTS, lambda: 1000, "call")
    metrics.gauge(DATABASE_CONNECTIONS_MAX, read)
    metrics.sample()
    assert registry.get_sample_value("almeno_call_slots", {"kind": "call"}) == 1000
    assert "metrics_failed" in caplog.text
