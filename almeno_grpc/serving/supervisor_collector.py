"""What the supervisor tells a scrape: the server as a whole, its processes, its certificate and its database."""

import logging
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time
from importlib.metadata import version
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from almeno_grpc.clock import Clock
from almeno_grpc.config import Settings
from almeno_grpc.logs import log_event
from almeno_grpc.metrics import StoreFigures
from almeno_grpc.serving.watchdog import memory_bytes
from almeno_grpc.serving.worker_process import WorkerProcess

_CPU_FIELDS = slice(11, 13)
"""utime and stime in /proc/PID/stat, behind the name of the program; see proc(5)."""


class SupervisorCollector(Collector):
    """Tells what the supervisor knows, at each scrape. It is asked by threads of the endpoint."""

    def __init__(
        self,
        settings: Settings,
        workers: Sequence[WorkerProcess],
        store_figures: Callable[[], StoreFigures],
        certificate_expiry: Callable[[], datetime | None],
    ) -> None:
        """Makes the collector.

        Args:
            settings: Of the server.
            workers: Its processes, running or not; more may be added.
            store_figures: Looks at the database.
            certificate_expiry: When the certificates in use expire; None without TLS.
        """
        self._settings = settings
        self._workers = workers
        self._store_figures = store_figures
        self._certificate_expiry = certificate_expiry

    def collect(self) -> Iterator[Metric]:
        """Tells all of it; of the database nothing where that cannot be read."""
        yield self._build()
        yield self._business_date()
        yield from self._processes()
        expires = self._certificate_expiry()
        if expires is not None:
            yield GaugeMetricFamily(
                "almeno_tls_certificate_expiry_timestamp_seconds",
                "When the certificate that the server shows expires, in seconds since the epoch.",
                expires.timestamp(),
            )
        try:
            figures = self._store_figures()
        except Exception as error:
            log_event("store_figures_failed", logging.WARNING, error=error)
            return
        yield from _of_store(figures)

    def _build(self) -> Metric:
        database = self._settings.database_url.partition(":")[0].partition("+")[0]
        build = GaugeMetricFamily(
            "almeno_build_info", "Versions, with the value 1.", labels=("version", "python", "database")
        )
        build.add_metric((version("almeno-grpc"), platform.python_version(), database), 1)
        return build

    def _business_date(self) -> Metric:
        settings = self._settings
        day = Clock(settings.business_date, settings.timezone).today()
        return GaugeMetricFamily(
            "almeno_business_date_timestamp_seconds",
            "When the business date begins in its time zone, in seconds since the epoch.",
            datetime.combine(day, time(), settings.timezone).timestamp(),
        )

    def _processes(self) -> Iterator[Metric]:
        restarts = CounterMetricFamily("almeno_process_restarts", "Processes started again after they had died.")
        serving = GaugeMetricFamily(
            "almeno_process_serving", "1 while the process can do all that it is for, else 0.", labels=("process",)
        )
        memory = GaugeMetricFamily(
            "almeno_process_memory_bytes", "Memory that the process has for itself alone.", labels=("process",)
        )
        cpu = CounterMetricFamily("almeno_process_cpu_seconds", "Processor time of the process.", labels=("process",))
        restarts.add_metric([], sum(max(0, worker.restarts) for worker in self._workers))
        for worker in self._workers:
            serving.add_metric([worker.role], worker.is_serving)
            process_id = worker.process_id
            if process_id is not None:
                memory.add_metric([worker.role], memory_bytes(process_id))
                cpu.add_metric([worker.role], _cpu_seconds(process_id))
        yield from (restarts, serving, memory, cpu)
        yield GaugeMetricFamily(
            "almeno_process_memory_limit_bytes",
            "Memory beyond which a process is replaced.",
            self._settings.process_max_memory_bytes,
        )


def _of_store(figures: StoreFigures) -> Iterator[Metric]:
    yield GaugeMetricFamily("almeno_import_queue_depth", "Imports that have not ended.", figures.queued_imports)
    oldest = figures.oldest_import_microseconds
    age_seconds = 0.0 if oldest is None else max(0, Clock.now_microseconds() - oldest) / 1_000_000
    yield GaugeMetricFamily(
        "almeno_import_queue_age_seconds", "Age of the oldest import that has not ended; 0 where all have.", age_seconds
    )
    files = GaugeMetricFamily("almeno_sqlite_file_bytes", "Sizes of the files of a SQLite database.", labels=("file",))
    for name, size_bytes in figures.file_bytes.items():
        files.add_metric([name], size_bytes)
    rules = GaugeMetricFamily("almeno_rule_info", "Rules in effect, with the value 1.", labels=("kind", "version"))
    for kind, rule_version in figures.rules.items():
        rules.add_metric([kind, rule_version], 1)
    yield from (metric for metric in (files, rules) if metric.samples)


def _cpu_seconds(process_id: int) -> float:
    """Processor time of a process; 0 where the system has no /proc to tell it."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    ticks = sum(map(int, status.rpartition(")")[2].split()[_CPU_FIELDS]))
    return ticks / os.sysconf("SC_CLK_TCK")
