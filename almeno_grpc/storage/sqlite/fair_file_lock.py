"""The lock by which the processes that write to a SQLite database take turns.

SQLite's own lock is taken by whoever asks at the right moment, and a busy process then keeps the others waiting for
hundreds of milliseconds. Here the holder can ask whether others wait, so that a long transaction, such as an import's,
is cut short for those whose caller waits.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.storage.sqlite.private_files import open_lock_file

_MAX_YIELD_SECONDS = 0.01
"""How long this process lets the others go first. Where there are always some, it takes the lock all the same."""
_MIN_HELD_SECONDS = 0.005
"""How long it then holds it before it asks whether others wait."""
_POLL_SECONDS = 0.0005
_SHORT_WAIT_SECONDS = 0.05
"""A batch of calls takes no longer; an import may."""
_SHORT_WAIT_POLL_SECONDS = 0.0002
_LONG_WAIT_POLL_SECONDS = 0.002
"""Well below _MAX_YIELD_SECONDS, in which the holder waits for those that it has seen."""


class FairFileLock:
    """An advisory lock on a file, with a second file by which waiters are seen. Used by one thread at a time."""

    def __init__(self, lock: Path, waiters: Path) -> None:
        """Opens the files.

        Args:
            lock: Locked by the process that holds the lock.
            waiters: Locked, shared, by each process that waits for it.
        """
        with ExitStack() as opened:
            self._lock = opened.enter_context(open_lock_file(lock))
            self._waiters = opened.enter_context(open_lock_file(waiters))
            opened.pop_all()
        self._yields = self._has_yielded_long = False
        self._held_until = 0.0

    @contextmanager
    def held(self, *, timeout_milliseconds: int) -> Iterator[None]:
        """Waits for the lock, and holds it as long as the context lasts.

        Raises:
            StoreUnavailable: Others have held it all the time.
        """
        if self._yields:
            self._let_waiters_go_first()
        if not self._try_lock():
            self._wait(timeout_milliseconds)
        if self._has_yielded_long:
            self._held_until = time.monotonic() + _MIN_HELD_SECONDS
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
            self._has_yielded_long = False

    def has_waiters(self) -> bool:
        """Whether another process waits, so that the holder had better end soon; it then lets that one go first."""
        self._yields = time.monotonic() >= self._held_until and self._is_waited_for()
        return self._yields

    def close(self) -> None:
        """Closes the files."""
        self._lock.close()
        self._waiters.close()

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(self, timeout_milliseconds: int) -> None:
        # By polling, for flock(2) that waits has no timeout, and a holder that is halted never ends. Two processes that
        # took turns of a millisecond took as many as with it.
        start = time.monotonic()
        fcntl.flock(self._waiters, fcntl.LOCK_SH)
        try:
            while not self._try_lock():
                waited = time.monotonic() - start
                if waited * 1000 >= timeout_milliseconds:
                    raise StoreUnavailable(
                        "another process has kept all others from writing for too long; send the request again"
                    )
                time.sleep(_SHORT_WAIT_POLL_SECONDS if waited < _SHORT_WAIT_SECONDS else _LONG_WAIT_POLL_SECONDS)
        finally:
            fcntl.flock(self._waiters, fcntl.LOCK_UN)

    def _is_waited_for(self) -> bool:
        try:
            fcntl.flock(self._waiters, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._waiters, fcntl.LOCK_UN)
        return False

    def _let_waiters_go_first(self) -> None:
        # The one that waits has been woken but may have no processor yet: to ask for the lock now is to win it again.
        deadline = time.monotonic() + _MAX_YIELD_SECONDS
        while self._is_waited_for() and not self._has_yielded_long:
            time.sleep(_POLL_SECONDS)
            self._has_yielded_long = time.monotonic() > deadline
        self._yields = False
