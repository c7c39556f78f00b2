"""Reading an uploaded file in the sandbox, from the side of the worker that wants its rows."""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import FileEnd, FileOpened, Message, ReadingJob, RowBatch
from almeno_grpc.imports.sandbox.reader_process import Reader
from almeno_grpc.logs import log_event

_log = logging.getLogger(__name__)

_MAX_RESTARTS = 2
"""How often a reader that was killed from outside is started again."""
_POLL_SECONDS = 0.5
"""How often `while_waiting` is called while the reader is silent."""


class ImportFileSession:
    """One file being read, by one reader after the other if they get killed. Made by `open_import_file`."""

    opened: FileOpened
    """What is known of the file as a whole."""

    def __init__(self, job: ReadingJob, while_waiting: Callable[[], None]) -> None:
        self._job = job
        self._while_waiting = while_waiting
        self._rows_done = job.skip_rows
        self._reader: Reader | None = None
        self._messages = self._all_messages()

    def open(self) -> None:
        """Waits until the file is known to be sound."""
        self.opened = next(message for message in self._messages if isinstance(message, FileOpened))

    def batches(self) -> Iterator[RowBatch]:
        """Yields the rows after the skipped ones. To be asked for once.

        Raises:
            FileRefusedError: The reader ended before the last row. What was yielded before stands.
        """
        for message in self._messages:
            # Another reader opens the file again.
            if isinstance(message, RowBatch):
                self._rows_done += len(message)
                yield message

    def close(self) -> None:
        """Ends the reader, if it has not ended by itself."""
        if self._reader is not None:
            self._reader.end()

    def _all_messages(self) -> Iterator[Message]:
        """All messages but the last, of one reader after the other."""
        for restarts_left in range(_MAX_RESTARTS, -1, -1):
            # It may be this worker that has killed the first, for want of a processor.
            is_first = restarts_left == _MAX_RESTARTS
            reader = self._reader = Reader(replace(self._job, skip_rows=self._rows_done), idle_priority=is_first)
            while (message := self._next_message(reader)) is not None:
                if isinstance(message, FileEnd):
                    return
                yield message
            self._raise_unless_killed(reader.exit_code(), restarts_left)

    def _next_message(self, reader: Reader) -> Message | None:
        """The next message; None where the reader has died.

        Raises:
            FileRefusedError: The reader refused the file, has a fault of its own or is too slow.
        """
        deadline = time.monotonic() + self._job.limits.seconds
        while True:
            try:
                message = reader.receive(_POLL_SECONDS)
                break
            except TimeoutError:
                self._while_waiting()
            if reader.is_starved:
                log_event("import_reader_starved", logging.WARNING)
                reader.kill()
                return None
            if time.monotonic() > deadline:
                minutes = self._job.limits.seconds / 60
                raise FileRefusedError(f"the file could not be read within {minutes:g} minutes; split it")
        if isinstance(message, FileEnd) and message.refusal:
            raise FileRefusedError(message.refusal)
        if isinstance(message, FileEnd) and message.fault:
            _log.error("the reader of an imported file failed: %s", message.fault)
            raise FileRefusedError("the file could not be read; the server's log says why")
        return message

    def _raise_unless_killed(self, exit_code: int, restarts_left: int) -> None:
        """Sees how the reader died; returns if another try may go better.

        Raises:
            FileRefusedError: Another try would end the same way.
        """
        _log.warning("the reader of an imported file ended early with exit code %s", exit_code)
        if exit_code == -signal.SIGKILL and restarts_left > 0:
            return
        message = f"the file could not be read: its reader ended early (exit code {exit_code})"
        if exit_code in (-signal.SIGABRT, -signal.SIGKILL):
            memory = f"{self._job.limits.memory_bytes // 2**20:,} MiB of memory"
            where = "it may hold a cell far away from the others, or it has to be split"
            message = f"the file could not be read within {memory}; {where}"
        raise FileRefusedError(message)


@contextmanager
def open_import_file(
    job: ReadingJob, *, while_waiting: Callable[[], None] = lambda: None
) -> Iterator[ImportFileSession]:
    """Has a process read and check a file, and waits until it is known to be sound as a whole.

    However the block is left, the process has ended by then.

    Args:
        job: The file.
        while_waiting: Called twice a second while the reader is silent. What it raises ends the reading.

    Raises:
        FileRefusedError: The file as a whole cannot be taken.
    """
    session = ImportFileSession(job, while_waiting)
    try:
        session.open()
        yield session
    finally:
        session.close()
