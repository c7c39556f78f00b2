"""A lock on a file that is waited for no longer than one wants to."""

import fcntl
import threading
from typing import BinaryIO


class TimedFileLock:
    """flock(2) with a timeout, which the system call has not: a thread waits in the place of the one that asks.

    When the time is over the thread waits on, and lets go what it gets then, unless somebody asks again meanwhile. So a
    lock that never comes free costs one thread, however often it is asked for. Used by one thread at a time.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Takes a file, opened for this lock alone; `close` closes it."""
        self._file = file
        self._state = threading.Lock()
        self._is_wanted = self._is_waiting = self._is_closed = False
        self._error: OSError | None = None
        # Each is released by one side and acquired by the other, as a binary semaphore.
        self._asked, self._answered = threading.Lock(), threading.Lock()
        self._asked.acquire()
        self._answered.acquire()
        self._thread: threading.Thread | None = None

    def acquire(self, timeout_milliseconds: int) -> bool:
        """Waits for the lock.

        Returns:
            Whether it is held now.

        Raises:
            OSError: The file system cannot lock.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._wait_for_others, name="file-lock", daemon=True)
            self._thread.start()
        with self._state:
            self._is_wanted = True
            if not self._is_waiting:
                self._is_waiting = True
                self._asked.release()
        if not self._answered.acquire(timeout=max(0, timeout_milliseconds) / 1000):
            with self._state:
                self._is_wanted = False
                # It may have come at the last moment.
                if not self._answered.acquire(blocking=False):
                    return False
        if self._error is not None:
            raise self._error
        return True

    def release(self) -> None:
        """Releases the lock, which is held."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Closes the file, once the thread waits no more; that releases the lock."""
        with self._state:
            self._is_closed = True
            if not self._is_waiting:
                self._file.close()
                self._asked.release()

    def _wait_for_others(self) -> None:
        while True:
            self._asked.acquire()
            if self._is_closed and not self._is_waiting:
                return
            error = None
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX)
            except OSError as caught:
                error = caught
            with self._state:
                self._is_waiting = False
                if self._is_closed:
                    self._file.close()
                    return
                if self._is_wanted:
                    self._error = error
                    self._answered.release()
                elif error is None:
                    self.release()
