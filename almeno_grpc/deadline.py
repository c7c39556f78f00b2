"""The deadline of what a thread does: that of a call, or the latest of calls that share a batch.

Who begins the work sets it, and who may have to wait long asks for it, such as a database's driver.
"""

import math
import threading
import time


class Deadline:
    """When nobody waits any longer."""

    __slots__ = ("is_final", "seconds")

    def __init__(self, seconds: float = math.inf, *, is_final: bool = True) -> None:
        self.seconds = seconds
        """By `time.monotonic`; infinite where somebody always waits."""
        self.is_final = is_final
        """Whether it stays as it is. A batch takes its calls, and learns its deadline, with its transaction begun."""

    def has_passed(self) -> bool:
        """Whether nobody waits any longer now."""
        return self.seconds < time.monotonic()


_NONE = Deadline()


class _Thread(threading.local):
    deadline = _NONE


_thread = _Thread()


def begin_deadline(deadline: Deadline) -> Deadline:
    """Gives what this thread is about to do a deadline, and returns that."""
    _thread.deadline = deadline
    return deadline


def end_deadline() -> None:
    """Leaves what this thread is about to do without one."""
    _thread.deadline = _NONE


def current_deadline() -> Deadline:
    """The deadline of what this thread does."""
    return _thread.deadline
