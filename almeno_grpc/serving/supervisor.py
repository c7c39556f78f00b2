"""The supervisor: the process in the foreground, which starts the others and keeps them running until the stop."""

import contextlib
import logging
import os
import selectors
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from almeno_grpc.clock import Clock
from almeno_grpc.config import PREFIX, ConfigurationError, Settings
from almeno_grpc.config_values import Address
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.logs import log_event, redact_password, start_logging
from almeno_grpc.serving.application import DEFAULT_BOOTSTRAP, load_bootstrap
from almeno_grpc.serving.control_channel import METRICS_FOLDER, STOP_MARGIN_SECONDS
from almeno_grpc.serving.metrics_endpoint import MetricsEndpoint
from almeno_grpc.serving.next_steps import tell_next_steps
from almeno_grpc.serving.port import AddressUnavailable, PortClaim
from almeno_grpc.serving.server_collector import ServerCollector, forget_gauges
from almeno_grpc.serving.service_manager import SOCKET, ServiceManager
from almeno_grpc.serving.signals import StopSignals
from almeno_grpc.serving.supervisor_collector import SupervisorCollector
from almeno_grpc.serving.watchdog import Watchdog
from almeno_grpc.serving.worker_process import MAX_FAILED_STARTS, WorkerProcess
from almeno_grpc.trace_exporters import trace_exporters

if TYPE_CHECKING:
    from almeno_grpc.serving.certificates import CertificateRenewal

QUICK_STOP_SECONDS = 2.0
"""How long a process may take when it was asked to stop twice."""
IMPORT_ROLE = "import"
STOPPED, FAILED, MISCONFIGURED = 0, 1, 2


class RestartLimitReached(Exception):
    """A process dies again and again before it is ready: restarts do not help."""


class Supervisor:
    """Runs a server from its start to its stop."""

    def __init__(self, settings: Settings, bootstrap: str = DEFAULT_BOOTSTRAP) -> None:
        """Sets a server up.

        Args:
            settings: The server's settings.
            bootstrap: Name of the module that wires the application together.
        """
        self._settings = settings
        self._bootstrap_name = bootstrap
        self._selector = selectors.DefaultSelector()
        self._workers: list[WorkerProcess] = []
        self._certificates: CertificateRenewal | None = None
        self._metrics_folder: Path | None = None
        self._manager = ServiceManager()

    def run(self) -> int:
        """Serves until a signal asks to stop, or the server fails.

        Returns:
            The program's exit code: 0 after a stop, 1 after a failure, 2 where the settings are at fault.
        """
        start_logging("supervisor")
        self._signals = StopSignals(signal.SIGTERM, signal.SIGINT)
        self._selector.register(self._signals.reader, selectors.EVENT_READ)
        log_event("server_starting", address=str(self._settings.address), supervisor_pid=os.getpid())
        code = FAILED
        try:
            with contextlib.ExitStack() as held:
                self._acquire_resources(held)
                code = self._serve()
        except ConfigurationError as error:
            log_event("server_failed", logging.ERROR, message=str(error))
            code = MISCONFIGURED
        except (AddressUnavailable, RestartLimitReached) as error:
            log_event("server_failed", logging.ERROR, message=str(error))
        except CreditError as error:
            log_event("server_failed", logging.ERROR, message=error.message, reason=error.reason)
        except Exception as error:
            log_event("server_failed", logging.ERROR, error=error)
        log_event("server_stopped", exit_code=code)
        return code

    def _acquire_resources(self, held: contextlib.ExitStack) -> None:
        """Checks the certificates, reserves the port, migrates the database and serves the metrics.

        All is released when `held` closes.
        """
        if self._settings.tls_certificate:
            from almeno_grpc.serving.certificates import CertificateRenewal  # noqa: PLC0415 - for a server with TLS

            self._certificates = CertificateRenewal(self._settings, Clock.now_microseconds)
            self._certificates.start()
            held.callback(self._certificates.stop)
        if self._settings.tracing:
            trace_exporters(os.environ)
        claim = PortClaim(self._settings.address)
        held.callback(claim.release)
        self._settings = replace(self._settings, address=claim.address)
        self._bootstrap = load_bootstrap(self._bootstrap_name)
        self._bootstrap.prepare_database(self._settings)
        environment = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
        environment |= self._settings.as_environment()
        for name in (METRICS_FOLDER, SOCKET):
            environment.pop(name, None)
        # The core of gRPC would write lines of its own, which are not JSON.
        environment.setdefault("GRPC_VERBOSITY", "NONE")
        if self._settings.metrics_address:
            folder = self._metrics_folder = held.enter_context(_temporary_folder())
            environment[METRICS_FOLDER] = str(folder)
            endpoint = self._serve_metrics(self._settings.metrics_address, folder)
            held.callback(endpoint.server_close)
            held.callback(endpoint.shutdown)
            self._settings = replace(self._settings, metrics_address=endpoint.address)
        roles = [*(f"rpc-{index}" for index in range(self._settings.workers)), IMPORT_ROLE]
        self._workers += [WorkerProcess(role, self._bootstrap_name, environment) for role in roles]
        self._watchdog = Watchdog(
            self._workers, self._settings.process_max_silence_seconds, self._settings.process_max_memory_bytes
        )

    def _serve_metrics(self, address: Address, folder: Path) -> MetricsEndpoint:
        supervisor = SupervisorCollector(
            self._settings,
            self._workers,
            self._bootstrap.store_figures(self._settings),
            lambda: self._certificates.expires if self._certificates else None,
        )
        collector = ServerCollector(folder, supervisor)
        try:
            endpoint = MetricsEndpoint(address, collector, self._is_ready, self._settings.metrics_token_file)
        except OSError as error:
            raise AddressUnavailable(f"{address} for metrics: {(error.strerror or str(error)).lower()}") from error
        endpoint.serve()
        return endpoint

    def _is_ready(self) -> bool:
        """Whether each process that serves calls can do all that it is for. Asked by threads of the endpoint."""
        serving = [worker.is_serving for worker in self._workers if worker.role != IMPORT_ROLE]
        return bool(serving) and all(serving) and not self._signals.count

    def _serve(self) -> int:
        try:
            is_announced = False
            while not self._signals.count:
                self._start_missing()
                if not is_announced and all(worker.is_ready for worker in self._workers):
                    is_announced = True
                    self._announce()
                    self._bootstrap.queue_files(self._settings)
                self._wait()
                self._reap()
                self._watchdog.look()
                self._manager.tell_alive()
        finally:
            self._stop()
        return STOPPED

    def _announce(self) -> None:
        settings = self._settings
        business_date = Clock(settings.business_date, settings.timezone).today()
        log_event(
            "server_ready",
            address=str(settings.address),
            workers=settings.workers,
            database=redact_password(settings.database_url),
            metrics_address=str(settings.metrics_address) if settings.metrics_address else None,
            business_date=business_date.isoformat(),
            tls=settings.tls_certificate is not None,
            access=settings.access,
            certificate_expires=self._certificates.expires.isoformat() if self._certificates else None,
        )
        self._manager.tell_ready(f"serving on {settings.address}, business date {business_date.isoformat()}")
        tell_next_steps(settings, business_date)

    def _start_missing(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if not worker.is_running and worker.start_at_seconds <= now:
                worker.start(self._selector)

    def _wait(self) -> None:
        """Waits until a signal comes, a process says something or dies, or one is due to be started or looked at."""
        due = [worker.start_at_seconds - time.monotonic() for worker in self._workers if not worker.is_running]
        self._select(max(0.0, min([*due, self._watchdog.due_seconds])))

    def _select(self, timeout_seconds: float) -> None:
        for key, _ in self._selector.select(timeout_seconds):
            if isinstance(key.data, WorkerProcess):
                key.data.read(self._selector)
            else:
                self._signals.drain()

    def _reap(self) -> None:
        for worker in self._workers:
            process_id, code = worker.process_id, worker.reap(self._selector)
            if code is None or self._signals.count:
                continue
            if self._metrics_folder is not None and process_id is not None:
                forget_gauges(self._metrics_folder, process_id)
            log_event("process_died", logging.ERROR, process=worker.role, exit_code=code)
            if worker.failed_starts >= MAX_FAILED_STARTS:
                raise RestartLimitReached(
                    f"{worker.role} has ended {worker.failed_starts} times in a row before it was ready"
                )

    def _stop(self) -> None:
        """Sends SIGTERM to all processes, and SIGKILL to those that do not stop in time."""
        log_event("server_stopping", signals=self._signals.count)
        self._manager.tell_stopping()
        asked = max(1, self._signals.count)
        deadline = time.monotonic() + self._settings.drain_seconds + STOP_MARGIN_SECONDS
        for worker in self._workers:
            worker.terminate()
        while any(worker.is_running for worker in self._workers):
            if self._signals.count > asked:
                asked = self._signals.count
                deadline = min(deadline, time.monotonic() + QUICK_STOP_SECONDS)
                for worker in self._workers:
                    worker.terminate()
            if time.monotonic() > deadline:
                deadline = time.monotonic() + QUICK_STOP_SECONDS
                for worker in self._workers:
                    worker.kill()
            self._select(max(0.0, deadline - time.monotonic()))
            for worker in self._workers:
                worker.reap(self._selector)


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="almeno-metrics-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
