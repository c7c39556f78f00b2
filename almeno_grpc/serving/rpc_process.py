"""A process that serves calls: `python -m almeno_grpc.serving.rpc_process rpc-0 DESCRIPTOR BOOTSTRAP`."""

import logging
import os
import signal
import sys
import time

import grpc

from almeno_grpc.clock import Clock
from almeno_grpc.config import ConfigurationError, Settings, usable_cores
from almeno_grpc.logs import log_event
from almeno_grpc.metrics import metrics_of_process
from almeno_grpc.serving.control_channel import SIGNS, Started, remove_metrics, start_process
from almeno_grpc.serving.gc_tuning import freeze_loaded_objects, paused_collection
from almeno_grpc.serving.rpc_server import RpcServer
from almeno_grpc.serving.signals import StopSignals
from almeno_grpc.tracing import flush_spans

ROLE = "rpc"
CERTIFICATE_RETRY_SECONDS = 0.5
QUIET_SECONDS = 0.2
"""How long a draining process goes on after its last call, rejecting new ones, while the last answers are sent."""


def main() -> None:
    """Serves calls until SIGTERM, or until the supervisor ends, then drains; a second SIGTERM ends calls in flight."""
    signals = StopSignals(signal.SIGTERM)
    process = start_process(sys.argv[1:])
    settings = process.settings
    pin_to_core(settings, int(process.role.removeprefix(f"{ROLE}-")))
    metrics = metrics_of_process()
    tls = _server_credentials(process, signals) if settings.tls_certificate else None
    with paused_collection():
        server = RpcServer(settings, process.bootstrap.build_application(settings, metrics), metrics, tls)
    freeze_loaded_objects()
    server.start()
    process.channel.send_ready(SIGNS[server.look_at_store()])
    while not signals.count and not process.channel.is_broken:
        process.channel.wait(signals.reader)
        signals.drain()
        process.channel.answer(SIGNS[server.look_at_store()])
        metrics.sample()
    server.reject_calls()
    _drain_calls(server, signals, process)
    if process.channel.is_broken:
        remove_metrics()
    if not server.is_busy:
        server.close()
    flush_spans()
    # The connections end with the process, which callers see as UNAVAILABLE, and retry. gRPC's own stop ends calls that
    # cross with it as CANCELLED, which callers take as final. A transaction that a handler has not committed is rolled
    # back with its connection to the database.
    os._exit(0)


def _server_credentials(process: Started, signals: StopSignals) -> grpc.ServerCredentials:
    """Reads the certificates and follows their files.

    The supervisor has found them sound. Where they have become unsound since, the processes that run go on with what
    they have, and this one waits for sound ones: to end instead would end the server.
    """
    from almeno_grpc.serving.certificates import CertificateRenewal  # noqa: PLC0415 - for a server with TLS

    is_logged = False
    while True:
        try:
            renewal = CertificateRenewal(process.settings, Clock.now_microseconds)
        except ConfigurationError as error:
            if not is_logged:
                log_event("certificate_refused", logging.ERROR, message=str(error))
                is_logged = True
        else:
            renewal.start()
            return renewal.credentials()
        process.channel.answer()
        if signals.count or process.channel.is_broken:
            os._exit(0)
        time.sleep(CERTIFICATE_RETRY_SECONDS)


def _drain_calls(server: RpcServer, signals: StopSignals, process: Started) -> None:
    """Waits until no call has been under way for a while, the time is over, or a second signal comes."""
    now = quiet_since_seconds = time.monotonic()
    end_seconds = now + process.settings.drain_seconds
    while now - quiet_since_seconds < QUIET_SECONDS and signals.count < 2:
        time.sleep(0.01)
        process.channel.answer()
        now = time.monotonic()
        if server.is_busy and now < end_seconds:
            quiet_since_seconds = now


def pin_to_core(settings: Settings, index: int) -> None:
    """Sets the process's CPU affinity to one core: its threads then hand over the GIL without crossing cores."""
    if settings.workers > 1 and hasattr(os, "sched_setaffinity"):
        cores = usable_cores()
        os.sched_setaffinity(0, {cores[index % len(cores)]})


if __name__ == "__main__":
    main()
