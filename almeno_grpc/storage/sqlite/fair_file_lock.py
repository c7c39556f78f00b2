"""The lock by which the processes that write to a SQLite database take turns.

SQLite's own lock is taken by whoever asks at the right moment, and a busy process then keeps the others waiting for
hundreds of milliseconds. Who stands in line here can be seen by the one whose turn it is, and long work, such as an
import's, is cut short for those whose caller waits.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MAX_PATIENCE_SECONDS = 0.01
"""How long those who waited are let through. Where there are always some, this process has its turn all the same."""
_MIN_TURN_SECONDS = 0.005
"""How long it lasts then at the least."""
_LOOK_SECONDS = 0.0005


class Turns:
    """This process's part in the turns. Used by one thread at a time."""

    def __init__(self, lock: Path, line: Path) -> None:
        """Opens the files.

        Args:
            lock: Locked by the process whose turn it is.
            line: Locked, shared, by each process that waits for its turn.
        """
        self._lock = lock.open("ab")
        self._line = line.open("ab")
        self._makes_way = self._was_patient = False
        self._lasts_until = 0.0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Waits for this process's turn, which lasts as long as the block."""
        if self._makes_way:
            self._let_others_through()
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._stand_in_line()
        if self._was_patient:
            self._lasts_until = time.monotonic() + _MIN_TURN_SECONDS
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
            self._was_patient = False

    def are_waited_for(self) -> bool:
        """Whether this turn is to end early, for another process stands in line, which then is let through."""
        self._makes_way = time.monotonic() >= self._lasts_until and self._somebody_waits()
        return self._makes_way

    def close(self) -> None:
        """Lets go of the files."""
        self._lock.close()
        self._line.close()

    def _stand_in_line(self) -> None:
        fcntl.flock(self._line, fcntl.LOCK_SH)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._line, fcntl.LOCK_UN)

    def _somebody_waits(self) -> bool:
        try:
            fcntl.flock(self._line, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._line, fcntl.LOCK_UN)
        return False

    def _let_others_through(self) -> None:
        # The one that waits has been woken but may have no processor yet: to ask for the lock now is to win it again.
        deadline = time.monotonic() + _MAX_PATIENCE_SECONDS
        while self._somebody_waits() and not self._was_patient:
            time.sleep(_LOOK_SECONDS)
            self._was_patient = time.monotonic() > deadline
        self._makes_way = False
