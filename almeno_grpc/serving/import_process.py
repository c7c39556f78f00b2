"""The process that works on imports: `python -m almeno_grpc.serving.import_process import DESCRIPTOR BOOTSTRAP`."""

import os
import signal
import sys
import threading
import time

from almeno_grpc.metrics import Metrics, metrics_of_process
from almeno_grpc.serving.control_channel import STOP_MARGIN_SECONDS, Started, remove_metrics, start_process
from almeno_grpc.serving.gc_tuning import freeze_loaded_objects, paused_collection
from almeno_grpc.serving.signals import StopSignals
from almeno_grpc.tracing import flush_spans

ROLE = "import"
NICENESS = 5
"""Lower scheduling priority than that of the processes that serve calls; see nice(2)."""


def main() -> None:
    """Works on imports until SIGTERM, or until the supervisor is gone."""
    stop = threading.Event()
    signals = StopSignals(signal.SIGTERM, on_stop=stop.set)
    process = start_process(sys.argv[1:])
    os.nice(NICENESS)
    metrics = metrics_of_process()
    threading.Thread(
        target=_follow_supervisor, args=(process, stop, metrics), name="control-channel", daemon=True
    ).start()
    with paused_collection():
        work = process.bootstrap.build_import_worker(process.settings, metrics)
    freeze_loaded_objects()
    process.channel.send_ready()
    work(stop)
    flush_spans()
    # A worker that ends unasked has failed, and is started again.
    sys.exit(0 if signals.count or process.channel.is_broken else 1)


def _follow_supervisor(process: Started, stop: threading.Event, metrics: Metrics) -> None:
    """Answers the supervisor, and stops the worker when that has ended; kills its process group, if it takes too long.

    This thread answers, for the worker may wait for the database or for its reader as long as their own bounds allow.
    """
    while not process.channel.is_broken:
        process.channel.wait()
        process.channel.answer()
        metrics.sample()
    stop.set()
    remove_metrics()
    time.sleep(process.settings.drain_seconds + STOP_MARGIN_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
