"""A process that serves calls: `python -m almeno_grpc.serving.rpc_process rpc-0 DESCRIPTOR BOOTSTRAP`."""

import os
import signal
import sys
import time

from almeno_grpc.config import Settings, usable_cores
from almeno_grpc.metrics import metrics_of_process
from almeno_grpc.serving.link import STOP_MARGIN_SECONDS, remove_metrics, start_process
from almeno_grpc.serving.rpc_server import RpcServer
from almeno_grpc.serving.signals import StopSignals

ROLE = "rpc"


def main() -> None:
    """Serves calls until SIGTERM, or until the supervisor is gone; a second SIGTERM cancels the calls in flight."""
    signals = StopSignals(signal.SIGTERM)
    process = start_process(sys.argv[1:])
    settings = process.settings
    pin_to_core(settings, int(process.role.removeprefix(f"{ROLE}-")))
    metrics = metrics_of_process()
    server = RpcServer(settings, process.bootstrap.build_application(settings, metrics), metrics)
    server.start()
    process.link.tell_ready()
    while not signals.count and not process.link.is_broken:
        process.link.wait_for(signals)
    server.begin_stop()
    give_up_seconds = time.monotonic() + settings.drain_seconds + STOP_MARGIN_SECONDS
    while not server.wait_until_stopped(0.05) and time.monotonic() < give_up_seconds:
        if signals.count > 1:
            server.cancel_calls()
    if process.link.is_broken:
        remove_metrics()
    if not server.close():
        # A handler that runs on must not keep the process. What it has not committed ends with its connection.
        os._exit(0)


def pin_to_core(settings: Settings, index: int) -> None:
    """Keeps the process on one core: its threads then pass the interpreter's lock on without crossing cores."""
    if settings.workers > 1 and hasattr(os, "sched_setaffinity"):
        cores = usable_cores()
        os.sched_setaffinity(0, {cores[index % len(cores)]})


if __name__ == "__main__":
    main()
