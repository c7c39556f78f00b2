"""The Prometheus endpoint: the metrics of all processes, aggregated, over HTTP."""

import logging
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6, socket
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from almeno_grpc.config_values import Address
from almeno_grpc.logs import log_event
from almeno_grpc.metrics import CALL_LABELS, HANDLED, HANDLING_SECONDS

MAX_REQUESTS = 8
"""Requests that are answered at a time; further connections are closed."""
READ_TRIES = 5
"""A process that starts has a file of samples for a moment that is still empty, and cannot be read."""


# The class has no types of its own.
_untyped_collector: Any = MultiProcessCollector


class ServerCollector(Collector):
    """Adds up the samples that the processes have written, and adds the supervisor's own."""

    def __init__(self, folder: Path, restarts: Callable[[], int], queue_depth: Callable[[], int]) -> None:
        self._folder = folder
        self._restarts = restarts
        self._queue_depth = queue_depth

    def collect(self) -> Iterator[Metric]:
        """Reads all samples."""
        for metric in self._of_processes():
            if metric.name == HANDLING_SECONDS:
                yield _handled_total(metric)
            yield metric
        restarts = CounterMetricFamily("almeno_process_restarts", "Processes started again after they had died.")
        restarts.add_metric([], self._restarts())
        yield restarts
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


class MetricsEndpoint(ThreadingHTTPServer):
    """Serves `/metrics`."""

    daemon_threads = True

    def __init__(self, address: Address, collector: Collector) -> None:
        """Listens; `serve` begins to answer.

        Raises:
            OSError: The address cannot be listened on.
        """
        if ":" in address.ip:
            self.address_family = AF_INET6
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        self._room = threading.BoundedSemaphore(MAX_REQUESTS)
        super().__init__((address.ip, address.port), _Handler)
        self.address = Address(address.host, self.socket.getsockname()[1])

    def serve(self) -> None:
        """Answers requests on threads of its own until `server_close`."""
        threading.Thread(target=self.serve_forever, name="metrics", daemon=True).start()

    def exposition(self) -> bytes:
        """Writes all samples in Prometheus' text format."""
        return generate_latest(self._registry)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Answers a request on a thread of its own, or closes it when there are too many."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Answers a request."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Leaves a scraper that went away alone."""


class _Handler(BaseHTTPRequestHandler):
    server: MetricsEndpoint
    timeout = 5

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            body = self.server.exposition()
        except Exception as error:
            log_event("metrics_failed", logging.ERROR, error=error)
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Logs no request."""
