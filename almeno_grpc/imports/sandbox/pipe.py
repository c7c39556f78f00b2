"""Length-prefixed pickles through a pipe.

`multiprocessing.connection` waits for the rest of a message that has begun to come, and the process that sends it may
be starved of a processor, or stopped, in the middle of one.
"""

import contextlib
import fcntl
import os
import pickle
import sys
import time
from multiprocessing.connection import wait
from typing import Any

_LENGTH_BYTES = 8
_PIPE_BYTES = 2**20
"""Of messages that wait to be received: the fewer fit, the more often the two processes wait for each other."""


def send(descriptor: int, message: object) -> None:
    """Sends a message; waits while the pipe is full.

    Raises:
        BrokenPipeError: Nobody receives any more.
    """
    content = pickle.dumps(message)
    for part in (len(content).to_bytes(_LENGTH_BYTES, "big"), content):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


class Receiver:
    """The end of a pipe where messages come, from a process that this one has started."""

    def __init__(self) -> None:
        """Makes the pipe; the owner closes `sending_end` once it was passed on."""
        self._descriptor, self.sending_end = os.pipe()
        self._received = bytearray()
        self._has_ended = False
        if sys.platform == "linux":
            # The system bounds what a user may have of it.
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.sending_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def poll(self, seconds: float) -> bool:
        """Waits for a whole message, or the end of the pipe, for so long."""
        deadline = time.monotonic() + seconds
        while not self._is_whole() and not self._has_ended:
            if not wait([self._descriptor], max(0.0, deadline - time.monotonic())):
                return False
            content = os.read(self._descriptor, _PIPE_BYTES)
            self._received += content
            self._has_ended = not content
        return True

    def receive(self) -> Any:
        """The message that has come; None where the pipe has ended, in the middle of one too."""
        if not self._is_whole():
            return None
        end = self._end()
        # Nobody else can write there.
        message = pickle.loads(memoryview(self._received)[_LENGTH_BYTES:end])  # noqa: S301
        del self._received[:end]
        return message

    def close(self) -> None:
        """Closes the pipe."""
        os.close(self._descriptor)

    def _is_whole(self) -> bool:
        return len(self._received) >= _LENGTH_BYTES and len(self._received) >= self._end()

    def _end(self) -> int:
        return _LENGTH_BYTES + int.from_bytes(self._received[:_LENGTH_BYTES], "big")
