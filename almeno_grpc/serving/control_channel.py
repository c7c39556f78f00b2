"""The control channel between the supervisor and a process of the server: a socket pair, one end each.

The process sends one byte when it is ready to serve. End of file says that the supervisor has ended, by SIGKILL maybe:
then the process stops, so that the port becomes free.
"""

import os
import select
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from almeno_grpc.config import Settings
from almeno_grpc.logs import start_logging
from almeno_grpc.serving.application import Bootstrap, load_bootstrap
from almeno_grpc.serving.process_protection import protect_process
from almeno_grpc.serving.signals import StopSignals, keep_standard_descriptors

READY = b"1"
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
STOP_MARGIN_SECONDS = 5
"""Time past the drain timeout after which a process that has not stopped gets SIGKILL."""


class ControlChannel:
    """The process's end of the channel."""

    def __init__(self, descriptor: int) -> None:
        # Inherited by this process alone (close-on-exec): programs that it starts must not keep the channel open.
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)

    def send_ready(self) -> None:
        """Tells the supervisor that the process is ready; the supervisor may be gone by now."""
        self._socket.send(READY, getattr(socket, "MSG_NOSIGNAL", 0))

    def wait_for_end(self) -> None:
        """Waits until the supervisor is gone."""
        select.select([self._socket], [], [])

    def wait_for(self, signals: StopSignals) -> None:
        """Waits until a signal comes or the supervisor is gone."""
        select.select([self._socket, signals.reader], [], [])
        signals.drain()

    @property
    def is_broken(self) -> bool:
        """Whether the supervisor is gone."""
        return bool(select.select([self._socket], [], [], 0)[0])


@dataclass(frozen=True)
class Started:
    """A process of the server that has begun: its role, settings, channel and application module."""

    role: str
    settings: Settings
    channel: ControlChannel
    bootstrap: Bootstrap


def start_process(arguments: Sequence[str]) -> Started:
    """Begins a process: its log, its settings, its control channel and its application's module.

    Args:
        arguments: The role, the file descriptor of the channel, and the name of the module.
    """
    role, descriptor, module = arguments
    protect_process()
    keep_standard_descriptors()
    channel = ControlChannel(int(descriptor))
    start_logging(role)
    return Started(role, Settings.from_environment(os.environ), channel, load_bootstrap(module))


def remove_metrics() -> None:
    """Removes the folder of metrics in the place of the supervisor, when that has ended."""
    if folder := os.environ.get(METRICS_FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
