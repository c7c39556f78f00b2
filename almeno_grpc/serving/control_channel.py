"""The control channel between the supervisor and a process of the server: a socket pair, one end each.

The process sends one byte when it is ready to serve. From then on the supervisor asks for a sign of life, and the
process answers each question with a byte. End of file says that the supervisor has ended, by SIGKILL maybe: then the
process stops, so that the port becomes free.
"""

import contextlib
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
from almeno_grpc.serving.signals import keep_standard_descriptors
from almeno_grpc.serving.store_monitor import StoreState

READY = b"1"
QUESTION = b"?"
ALIVE = b"+"
SIGNS = {StoreState.WORKS: ALIVE, StoreState.READ_ONLY: b"r", StoreState.UNAVAILABLE: b"-"}
"""Signs of life of a process that serves calls, by what the store can do."""
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
STOP_MARGIN_SECONDS = 5
"""Time past the drain timeout after which a process that has not stopped gets SIGKILL."""


class ControlChannel:
    """The process's end of the channel.

    Attributes:
        is_broken: Whether the supervisor is gone, as `answer` has found.
    """

    def __init__(self, descriptor: int) -> None:
        # Inherited by this process alone (close-on-exec): programs that it starts must not keep the channel open.
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self.is_broken = False

    def send_ready(self, sign: bytes = ALIVE) -> None:
        """Tells the supervisor that the process is ready, with a sign of life; the supervisor may be gone by now."""
        self._send(READY + sign)

    def wait(self, *others: socket.socket) -> None:
        """Waits until the supervisor asks something or is gone, or one of the others can be read."""
        select.select([self._socket, *others], [], [])

    def answer(self, sign: bytes = ALIVE) -> None:
        """Answers the supervisor's questions, if there are some, with a sign of life."""
        try:
            questions = self._socket.recv(256)
        except BlockingIOError:
            return
        except ConnectionError:
            questions = b""
        if questions:
            self._send(sign)
        else:
            self.is_broken = True

    def _send(self, message: bytes) -> None:
        # A supervisor that does not read is halted: it is not in a hurry. One that is gone is found by `answer`.
        with contextlib.suppress(OSError):
            self._socket.send(message, getattr(socket, "MSG_NOSIGNAL", 0))


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
    settings = Settings.from_environment(os.environ)
    if settings.tracing:
        from almeno_grpc.open_telemetry import start_tracing  # noqa: PLC0415 - of the extra `otel`

        start_tracing(role)
    return Started(role, settings, channel, load_bootstrap(module))


def remove_metrics() -> None:
    """Removes the folder of metrics in the place of the supervisor, when that has ended."""
    if folder := os.environ.get(METRICS_FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
