"""What the server counts, for Prometheus.

Each process writes its samples into files of its own in a folder that the supervisor names by
PROMETHEUS_MULTIPROC_DIR; `almeno_grpc.serving.metrics_endpoint` adds the files up, those of dead processes too. The
variable has to be set before this module is imported, which imports prometheus_client.
"""

import logging
import os
from pathlib import Path
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram

from almeno_grpc.logs import log_event

HANDLING_SECONDS = "grpc_server_handling_seconds"
HANDLED = "grpc_server_handled"
"""Names and labels of gRPC's ready-made dashboards."""
CALL_LABELS = ("grpc_service", "grpc_method", "grpc_type", "grpc_code")
CALL_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper limits in seconds, from a lookup by key to the usual deadline of a caller."""


SAMPLE_FILE_BYTES = 2 * 2**20
"""Holds some ten thousand samples; a method has 17 for each of its status codes."""


class MethodLabels(NamedTuple):
    """A method, by the values of the labels under which its calls are counted."""

    grpc_service: str
    grpc_method: str
    grpc_type: str
    """`unary`, `client_stream`, `server_stream` or `bidi_stream`."""


UNKNOWN_METHOD = MethodLabels("unknown", "unknown", "unary")
"""All methods that the server does not have: a stranger must not make label values."""


class Metrics(Protocol):
    """What a process counts of its work."""

    def call(self, method: MethodLabels, code: str, seconds: float) -> None:
        """Counts a call that ended, with the name of its status code and its duration from arrival to end."""

    def decision(self, kind: str, reasons: tuple[str, ...], count: int = 1) -> None:
        """Counts decisions: `kind` is `check` or `booking`, `reasons` are those of a decline, the first one first."""

    def import_rows(self, kind: str, outcome: str, rows: int) -> None:
        """Counts rows of an import: `kind` is `customers` or `loans`, `outcome` such as `inserted`."""

    def import_ended(self, kind: str, state: str) -> None:
        """Counts an import that came to an end state."""


class NoMetrics:
    """Counts nothing: for a server without a metrics address, and for tests."""

    def call(self, method: MethodLabels, code: str, seconds: float) -> None:
        """Ignores the call."""

    def decision(self, kind: str, reasons: tuple[str, ...], count: int = 1) -> None:
        """Ignores the decisions."""

    def import_rows(self, kind: str, outcome: str, rows: int) -> None:
        """Ignores the rows."""

    def import_ended(self, kind: str, state: str) -> None:
        """Ignores the end."""


class PrometheusMetrics:
    """Counts into the files of this process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
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
        # What is looked up by its labels is kept, for that takes longer than to count.
        self._calls: dict[tuple[MethodLabels, str], Histogram] = {}
        self._decision_counters: dict[tuple[str, tuple[str, ...]], list[Counter]] = {}

    def call(self, method: MethodLabels, code: str, seconds: float) -> None:
        """Counts a call that ended, with its status code and its duration."""
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
    for kind in ("counter", "histogram"):
        path = folder / f"{kind}_{os.getpid()}.db"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, SAMPLE_FILE_BYTES)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(descriptor)
