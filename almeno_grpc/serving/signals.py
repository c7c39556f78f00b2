"""Signals that ask a process to stop, as a file descriptor to wait for (the self-pipe trick)."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType


class StopSignals:
    """Counts the signals that ask the process to stop, and wakes whoever waits for `reader`.

    A signal is never lost between a look and a wait: it leaves a byte to read. The end of a child wakes too.
    """

    def __init__(self, *asking: signal.Signals, on_stop: Callable[[], None] = lambda: None) -> None:
        """Installs the handlers; of the main thread only.

        Args:
            asking: The signals that ask to stop; SIGINT is ignored when it is not among them.
            on_stop: Called with each of them, on the main thread.
        """
        self.count = 0
        self._on_stop = on_stop
        self.reader, self._writer = socket.socketpair()
        self.reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for number in asking:
            signal.signal(number, self._count)

    def drain(self) -> None:
        """Reads what woke the process, so that the next signal wakes it again."""
        with contextlib.suppress(BlockingIOError):
            while self.reader.recv(4096):
                pass

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self._on_stop()


def keep_standard_descriptors() -> None:
    """Opens /dev/null as each standard descriptor that is closed, lest a database file becomes one and is logged to."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
