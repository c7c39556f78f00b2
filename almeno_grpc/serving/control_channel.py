"""What ties a process of the server to its supervisor: a socket pair, one end each.

One byte from the process says that it is ready. The end of the connection says that the supervisor is gone, killed
maybe, and the process stops, so that the port becomes free.
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
from almeno_grpc.serving.signals import StopSignals, keep_standard_descriptors

READY = b"1"
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
STOP_MARGIN_SECONDS = 5
"""How long past the drain time a process may take to stop before it is killed."""


class ControlChannel:
    """The process's end."""

    def __init__(self, descriptor: int) -> None:
        # Inherited on purpose by this process alone: programs that it starts must not keep the connection open.
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)

    def send_ready(self) -> None:
        """Says that the process does its work; nobody may listen any more."""
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
    """What a process of the server starts with."""

    role: str
    settings: Settings
    channel: ControlChannel
    bootstrap: Bootstrap


def start_process(arguments: Sequence[str]) -> Started:
    """Begins a process: its log, its settings, its link and its application's module.

    Args:
        arguments: The role, the descriptor of the link, and the name of the module.
    """
    role, descriptor, module = arguments
    keep_standard_descriptors()
    channel = ControlChannel(int(descriptor))
    start_logging(role)
    return Started(role, Settings.from_environment(os.environ), channel, load_bootstrap(module))


def remove_metrics() -> None:
    """Removes the supervisor's folder of figures in its place, when it is gone."""
    if folder := os.environ.get(METRICS_FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
