"""Reading an uploaded file in the sandbox, from the side of the worker that wants its rows."""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import (
    FileDone,
    FileOpened,
    FileRefused,
    LoanIds,
    ReaderFailed,
    ReadingJob,
    RowBatch,
)
from almeno_grpc.imports.sandbox.reader_process import Reader
from almeno_grpc.logs import log_event

_log = logging.getLogger(__name__)

_MAX_RESTARTS = 2
"""How often a reader that was killed from outside is started again."""
_POLL_SECONDS = 0.5
"""How often `while_waiting` is called while the reader is silent."""


class ImportFileSession:
    """One file being read, by one reader after the other if they get killed. Made by `open_import_file`."""

    rows_total: int
    """Rows of the file that hold anything, the headings not counted."""
    loan_ids: LoanIds
    """Of the file; none if rows are skipped."""

    def __init__(self, job: ReadingJob, while_waiting: Callable[[], None], start_reader: Callable[[], Reader]) -> None:
        self._job = job
        self._while_waiting = while_waiting
        self._start_reader = start_reader
        self._restarts_left = _MAX_RESTARTS
        self._reader: Reader | None = None
        self._rows_done = job.skip_rows

    def open(self) -> None:
        """Waits until the file is known to be sound, of another reader where one was killed."""
        opened, self.loan_ids = self._open()
        self.rows_total = opened.rows_total

    def batches(self) -> Iterator[RowBatch]:
        """Yields the rows after the skipped ones. To be asked for once.

        Raises:
            FileRefusedError: The reader ended before the last row. What was yielded before stands.
        """
        while self._reader is not None:
            message = self._next_message(self._reader)
            if isinstance(message, RowBatch):
                self._rows_done += len(message)
                yield message
            elif isinstance(message, FileDone):
                return
            else:
                self._give_up_or_restart(self._reader)
                self._open()

    def close(self) -> None:
        """Ends the reader, if it has not ended by itself."""
        if self._reader is not None:
            self._reader.end()
            self._reader = None

    def _open(self) -> tuple[FileOpened, LoanIds]:
        """Waits until the file is known to be sound."""
        while True:
            reader = self._reader = self._start_reader()
            reader.give(replace(self._job, skip_rows=self._rows_done))
            opened = self._next_message(reader)
            loan_ids = self._next_message(reader) if opened else None
            if isinstance(opened, FileOpened) and isinstance(loan_ids, LoanIds):
                return opened, loan_ids
            self._give_up_or_restart(reader)

    def _next_message(self, reader: Reader) -> Any:
        """The next message; None where the reader has died.

        Raises:
            FileRefusedError: The reader refused the file, has a fault of its own or is too slow.
        """
        deadline = time.monotonic() + self._job.limits.seconds
        while not reader.poll(_POLL_SECONDS):
            self._while_waiting()
            if reader.is_starved:
                log_event("import_reader_starved", logging.WARNING)
                reader.kill()
                break
            if time.monotonic() > deadline:
                minutes = self._job.limits.seconds / 60
                raise FileRefusedError(f"the file could not be read within {minutes:g} minutes; split it")
        message = reader.receive()
        if isinstance(message, FileRefused):
            raise FileRefusedError(message.message)
        if isinstance(message, ReaderFailed):
            _log.error("the reader of an imported file failed: %s", message.place)
            raise FileRefusedError("the file could not be read; the server's log says why")
        return message

    def _give_up_or_restart(self, reader: Reader) -> None:
        """Sees how the reader died; returns if another try may go better.

        Raises:
            FileRefusedError: Another try would end the same way.
        """
        exit_code = reader.exit_code()
        self._reader = None
        _log.warning("the reader of an imported file ended early with exit code %s", exit_code)
        if exit_code == -signal.SIGKILL and self._restarts_left > 0:
            self._restarts_left -= 1
            # It may be this worker that has killed it, for want of a processor; and there is no warm one.
            self._start_reader = partial(Reader, idle_priority=False)
            return
        message = f"the file could not be read: its reader ended early (exit code {exit_code})"
        if exit_code in (-signal.SIGABRT, -signal.SIGKILL):
            memory = f"{self._job.limits.memory_bytes // 2**20:,} MiB of memory"
            where = "it may hold a cell far away from the others, or it has to be split"
            message = f"the file could not be read within {memory}; {where}"
        raise FileRefusedError(message)


@contextmanager
def open_import_file(
    job: ReadingJob,
    *,
    while_waiting: Callable[[], None] = lambda: None,
    start_reader: Callable[[], Reader] = Reader,
) -> Iterator[ImportFileSession]:
    """Has a process read and check a file, and waits until it is known to be sound as a whole.

    However the block is left, the process has ended by then.

    Args:
        job: The file.
        while_waiting: Called twice a second while the reader is silent. What it raises ends the reading.
        start_reader: Gives a process that has read nothing yet, for the first try.

    Raises:
        FileRefusedError: The file as a whole cannot be taken.
    """
    session = ImportFileSession(job, while_waiting, start_reader)
    try:
        session.open()
        yield session
    finally:
        session.close()
