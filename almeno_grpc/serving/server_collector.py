"""The metrics of a server: the samples of all its processes, added up, and the supervisor's own."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from almeno_grpc.logs import log_event
from almeno_grpc.metrics import CALL_LABELS, HANDLED, HANDLING_SECONDS

READ_TRIES = 5
"""A process that starts has a file of samples for a moment that is still empty, and cannot be read."""


# The class has no types of its own.
_untyped_collector: Any = MultiProcessCollector


class ServerCollector(Collector):
    """Adds up the samples that the processes have written, and adds the supervisor's own."""

    def __init__(
        self,
        folder: Path,
        restarts: Callable[[], int],
        queue_depth: Callable[[], int],
        certificate_expiry: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._restarts = restarts
        self._queue_depth = queue_depth
        self._certificate_expiry = certificate_expiry

    def collect(self) -> Iterator[Metric]:
        """Reads all samples."""
        for metric in self._of_processes():
            if metric.name == HANDLING_SECONDS:
                yield _handled_total(metric)
            yield metric
        restarts = CounterMetricFamily("almeno_process_restarts", "Processes started again after they had died.")
        restarts.add_metric([], self._restarts())
        yield restarts
        expires = self._certificate_expiry()
        if expires is not None:
            yield GaugeMetricFamily(
                "almeno_tls_certificate_expiry_timestamp_seconds",
                "When the certificate that the server shows expires, in seconds since the epoch.",
                expires.timestamp(),
            )
        try:
            depth = self._queue_depth()
        except Exception as error:
            log_event("queue_depth_failed", logging.WARNING, error=error)
            return
        yield GaugeMetricFamily("almeno_import_queue_depth", "Imports that wait for the import worker.", depth)

    def _of_processes(self) -> list[Metric]:
        for tries_left in reversed(range(READ_TRIES)):
            try:
                return list(_untyped_collector(None, path=str(self._folder)).collect())
            except Exception:
                if not tries_left:
                    raise
        return []


def _handled_total(handling_seconds: Metric) -> Metric:
    """The number of calls, from the counts of the histogram of their durations."""
    total = CounterMetricFamily(HANDLED, "Calls that ended.", labels=CALL_LABELS)
    for sample in handling_seconds.samples:
        if sample.name == f"{HANDLING_SECONDS}_count":
            total.add_metric([sample.labels[name] for name in CALL_LABELS], sample.value)
    return total
