"""What the server counts, for Prometheus.

Each process writes its samples into files of its own in a folder that the supervisor names by
PROMETHEUS_MULTIPROC_DIR; `almeno_grpc.serving.server_collector` adds the files up, those of dead processes too, but for
gauges. The variable has to be set before this module is imported, which imports prometheus_client.

A metric in a file costs a call more than a microsecond. What is of interest as it is now, such as the calls in flight,
is therefore kept in memory and sampled twice a second, when the supervisor asks the process for a sign of life.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from almeno_grpc.domain.imports import ImportKind, ImportState
from almeno_grpc.logs import SparseLog, log_event

HANDLING_SECONDS = "grpc_server_handling_seconds"
HANDLED = "grpc_server_handled"
STARTED = "grpc_server_started"
"""Names and labels of gRPC's ready-made dashboards."""
METHOD_LABELS = ("grpc_service", "grpc_method", "grpc_type")
CALL_LABELS = (*METHOD_LABELS, "grpc_code")
CALL_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper limits in seconds, from a lookup by key to the usual deadline of a caller."""
WRITE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper limits in seconds, from a commit to a fast disk to the longest wait for the turn to write."""
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Upper limits in calls, from one that comes alone to the most that a batch takes."""

CALLS_IN_FLIGHT = "almeno_calls_in_flight"
CALLS_WAITING = "almeno_calls_waiting"
CALL_SLOTS = "almeno_call_slots"
CALL_SLOTS_IN_USE = "almeno_call_slots_in_use"
DATABASE_CONNECTIONS = "almeno_database_connections"
DATABASE_CONNECTIONS_MAX = "almeno_database_connections_max"
GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    CALLS_IN_FLIGHT: ("Calls that have begun and have not ended.", METHOD_LABELS),
    CALLS_WAITING: ("Calls that wait for a thread, or for their batch.", ("queue",)),
    CALL_SLOTS: ("Calls that the server takes on at a time.", ("kind",)),
    CALL_SLOTS_IN_USE: ("Calls that it has taken on, from their headers until their answers are sent.", ("kind",)),
    DATABASE_CONNECTIONS: ("Connections to the database that are open.", ("state",)),
    DATABASE_CONNECTIONS_MAX: ("Connections to the database that may be open.", ()),
}
"""The gauges of the processes, each with its help text and its labels: the sum over the processes that live."""

GAUGE_FILES = "gauge_livesum"
"""What the library calls the files of gauges that are added up over the processes that live."""
SAMPLE_FILE_BYTES = 2 * 2**20
"""Holds some ten thousand samples; a method has 17 for each of its status codes."""


class MethodLabels(NamedTuple):
    """A method, by the values of the labels under which its calls are counted."""

    grpc_service: str
    grpc_method: str
    grpc_type: str
    """`unary`, `client_stream`, `server_stream` or `bidi_stream`."""


@dataclass(frozen=True)
class StoreFigures:
    """What the supervisor shows of the database at each scrape.

    Attributes:
        queued_imports: Imports that have not ended.
        oldest_import_microseconds: When the first of them came, since the epoch; None where there is none.
        file_bytes: Sizes of files of the database, by what they are: `database` and `wal` on SQLite, else none.
        rules: Versions of the rules in effect, by their kind: `policy`, `terms`, `norms`.
    """

    queued_imports: int
    oldest_import_microseconds: int | None
    file_bytes: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)


UNKNOWN_METHOD = MethodLabels("unknown", "unknown", "unary")
"""All methods that the server does not have: a stranger must not make label values."""


class Metrics(Protocol):
    """What a process counts of its work."""

    def call_began(self, method: MethodLabels) -> None:
        """Counts a call that begins; `call` is told of each when it has ended."""

    def call(self, method: MethodLabels, code: str, seconds: float) -> None:
        """Counts a call that ended, with the name of its status code and its duration from arrival to end."""

    def decision(self, kind: str, reasons: tuple[str, ...], count: int = 1) -> None:
        """Counts decisions: `kind` is `check` or `booking`, `reasons` are those of a decline, the first one first."""

    def import_rows(self, kind: str, outcome: str, rows: int) -> None:
        """Counts rows of an import: `kind` is `customers` or `loans`, `outcome` such as `inserted`."""

    def import_ended(self, kind: str, state: str) -> None:
        """Counts an import that came to an end state."""

    def batch_sizes(self, queue: str) -> Callable[[int], object]:
        """Makes the function that counts a batch of a queue, by how many calls are in it."""

    def transaction(self, wait_seconds: float, commit_seconds: float) -> None:
        """Counts a transaction that has written: how long it waited for its turn, and how long its commit took."""

    def gauge(self, name: str, read: Callable[[], int], *labels: str) -> None:
        """Has `sample` read a gauge.

        Args:
            name: One of `GAUGES`.
            read: Tells what it is now, on another thread.
            labels: The values of its labels.
        """

    def sample(self) -> None:
        """Reads all gauges."""


class NoMetrics:
    """Counts nothing: for a server without a metrics address, and for tests."""

    def call_began(self, method: MethodLabels) -> None:
        """Ignores the call."""

    def call(self, method: MethodLabels, code: str, seconds: float) -> None:
        """Ignores the call."""

    def decision(self, kind: str, reasons: tuple[str, ...], count: int = 1) -> None:
        """Ignores the decisions."""

    def import_rows(self, kind: str, outcome: str, rows: int) -> None:
        """Ignores the rows."""

    def import_ended(self, kind: str, state: str) -> None:
        """Ignores the end."""

    def batch_sizes(self, queue: str) -> Callable[[int], object]:  # noqa: ARG002 - nothing is counted of any
        """Ignores the batches."""
        return lambda _calls: None

    def transaction(self, wait_seconds: float, commit_seconds: float) -> None:
        """Ignores the transaction."""

    def gauge(self, name: str, read: Callable[[], int], *labels: str) -> None:
        """Ignores the gauge."""

    def sample(self) -> None:
        """Reads nothing."""


NO_METRICS = NoMetrics()


class _CallCount:
    """The calls of one method in this process, counted in memory."""

    def __init__(self, started: Counter, in_flight: Gauge) -> None:
        self._started = started
        self._in_flight = in_flight
        self._lock = threading.Lock()
        self._began = self._ended = self._sampled = 0

    def begin(self) -> None:
        with self._lock:
            self._began += 1

    def end(self) -> None:
        with self._lock:
            self._ended += 1

    def sample(self) -> None:
        with self._lock:
            began, in_flight = self._began, self._began - self._ended
        self._started.inc(began - self._sampled)
        self._sampled = began
        self._in_flight.set(in_flight)


class PrometheusMetrics:
    """Counts into the files of this process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._started = Counter(STARTED, "Calls that began.", METHOD_LABELS, registry=registry)
        self._gauges = {
            name: Gauge(name, text, labels, multiprocess_mode="livesum", registry=registry)
            for name, (text, labels) in GAUGES.items()
        }
        self._readings: list[tuple[Gauge, Callable[[], int]]] = []
        self._batches = Histogram(
            "almeno_batch_calls", "Calls of a batch.", ("queue",), buckets=BATCH_BUCKETS, registry=registry
        )
        self._write_wait = Histogram(
            "almeno_write_wait_seconds",
            "Time that a transaction waited for its turn to write or for a connection, in seconds.",
            buckets=WRITE_BUCKETS,
            registry=registry,
        )
        self._commit = Histogram(
            "almeno_commit_seconds", "Duration of a commit, in seconds.", buckets=WRITE_BUCKETS, registry=registry
        )
        # Calls are counted by this histogram alone, since each further metric costs a call microseconds; the endpoint
        # makes grpc_server_handled_total of its counts.
        self._handling_seconds = Histogram(
            HANDLING_SECONDS,
            "Duration of calls from arrival to end, in seconds.",
            CALL_LABELS,
            buckets=CALL_BUCKETS,
            registry=registry,
        )
        self._decisions = Counter(
            "almeno_decisions_total",
            "Decisions; a decline is counted under its first reason.",
            ("kind", "outcome", "reason"),
            registry=registry,
        )
        self._decline_reasons = Counter(
            "almeno_decline_reasons_total",
            "Reasons of declines; a decline counts under each of its reasons.",
            ("kind", "reason"),
            registry=registry,
        )
        self._import_rows = Counter(
            "almeno_import_rows_total", "Rows of imports.", ("kind", "outcome"), registry=registry
        )
        self._imports = Counter("almeno_imports_total", "Imports that ended.", ("kind", "state"), registry=registry)
        for kind in ImportKind:
            for state in filter(lambda state: state.is_end, ImportState):
                # From 0 on: of a count that is there all at once Prometheus takes no increase.
                self._imports.labels(kind.lower(), state.lower())
        # What is looked up by its labels is kept, for that takes longer than to count.
        self._calls: dict[tuple[MethodLabels, str], Histogram] = {}
        self._call_counts: dict[MethodLabels, _CallCount] = {}
        self._decision_counters: dict[tuple[str, tuple[str, ...]], list[Counter]] = {}

    def call_began(self, method: MethodLabels) -> None:
        """Counts a call in memory."""
        count = self._call_counts.get(method)
        if count is None:
            # Of two threads that come first at the same time both get the same.
            in_flight = self._gauges[CALLS_IN_FLIGHT].labels(*method)
            count = self._call_counts.setdefault(method, _CallCount(self._started.labels(*method), in_flight))
        count.begin()

    def call(self, method: MethodLabels, code: str, seconds: float) -> None:
        """Counts a call that ended, with its status code and its duration."""
        self._call_counts[method].end()
        histogram = self._calls.get((method, code))
        if histogram is None:
            histogram = self._calls[method, code] = self._handling_seconds.labels(*method, code)
        histogram.observe(seconds)

    def decision(self, kind: str, reasons: tuple[str, ...], count: int = 1) -> None:
        """Counts decisions, and each reason of a decline."""
        counters = self._decision_counters.get((kind, reasons))
        if counters is None:
            outcome, first = ("declined", reasons[0]) if reasons else ("approved", "")
            counters = self._decision_counters[kind, reasons] = [
                self._decisions.labels(kind, outcome, first),
                *(self._decline_reasons.labels(kind, reason) for reason in reasons),
            ]
        for counter in counters:
            counter.inc(count)

    def import_rows(self, kind: str, outcome: str, rows: int) -> None:
        """Counts rows of an import."""
        self._import_rows.labels(kind, outcome).inc(rows)

    def import_ended(self, kind: str, state: str) -> None:
        """Counts an import that ended."""
        self._imports.labels(kind, state).inc()

    def batch_sizes(self, queue: str) -> Callable[[int], object]:
        """Makes the function that counts a batch of a queue."""
        return self._batches.labels(queue).observe

    def transaction(self, wait_seconds: float, commit_seconds: float) -> None:
        """Counts a transaction that has written."""
        self._write_wait.observe(wait_seconds)
        self._commit.observe(commit_seconds)

    def gauge(self, name: str, read: Callable[[], int], *labels: str) -> None:
        """Has `sample` read a gauge."""
        gauge = self._gauges[name]
        self._readings.append((gauge.labels(*labels) if labels else gauge, read))

    def sample(self) -> None:
        """Reads all gauges into the files; where that fails the process goes on all the same."""
        try:
            for count in list(self._call_counts.values()):
                count.sample()
            for gauge, read in self._readings:
                gauge.set(read())
        except Exception as error:
            _log.log_event("metrics_failed", logging.ERROR, error=error)


_log = SparseLog(1)


def metrics_of_process() -> Metrics:
    """Makes what this process counts with: into files when the supervisor has named a folder, else nothing.

    Nor where the folder has no room: calls are served all the same.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return NoMetrics()
    try:
        reserve_files(Path(folder))
    except OSError as error:
        log_event("metrics_not_counted", logging.ERROR, error=error)
        return NoMetrics()
    return PrometheusMetrics()


def reserve_files(folder: Path) -> None:
    """Reserves the disk space of this process's files of samples, which prometheus_client maps into memory.

    It makes them sparse: a process that counts while the disk is full would be killed, by SIGBUS.

    Raises:
        OSError: There is no room.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    for kind in ("counter", "histogram", GAUGE_FILES):
        path = folder / f"{kind}_{os.getpid()}.db"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, SAMPLE_FILE_BYTES)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(descriptor)
