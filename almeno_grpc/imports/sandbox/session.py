"""Reading an uploaded file through a process of its own, from the side of the worker that wants its rows."""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import (
    FileDone,
    FileOpened,
    FileRefused,
    Frame,
    LoanNumbers,
    PackedBatch,
    ReadingFailed,
    ReadingJob,
    RowBatch,
)
from almeno_grpc.imports.sandbox.reader_process import Reader
from almeno_grpc.logs import log_event

_log = logging.getLogger(__name__)

_RESTARTS = 2
"""How often a reader that was killed from outside is started again."""
_POLL_SECONDS = 0.5
"""How often `while_waiting` is called while the reader is silent."""
_MEBIBYTE = 2**20


class ImportFileSession:
    """A file that is sound as a whole. Made by `open_import_file`."""

    def __init__(self, reading: "_Reading", rows_total: int) -> None:
        self._reading = reading
        self.rows_total = rows_total
        """Rows of the file that hold anything, the headings not counted."""

    def loan_numbers(self) -> LoanNumbers:
        """The Loan IDs of the file; none if rows are skipped. To be asked for once, and first.

        Raises:
            FileRefusedError: The reader ended before them.
        """
        return self._reading.loan_numbers()

    def batches(self) -> Iterator[RowBatch]:
        """Yields the rows after the skipped ones, in the order of `RowChecker`. To be asked for once.

        Raises:
            FileRefusedError: The reader ended before the last row. What was yielded before stands.
        """
        return self._reading.batches()


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
        job: Which file, and what of it is wanted.
        while_waiting: Called about twice a second while the reader is silent. What it raises goes through, and ends
            the reading.
        start_reader: Gives a process that has read nothing yet, for the first try.

    Raises:
        FileRefusedError: The file as a whole cannot be taken.
    """
    reading = _Reading(job, while_waiting, start_reader)
    try:
        yield ImportFileSession(reading, reading.open())
    finally:
        reading.close()


class _Reading:
    """One file being read, by one reader after the other if they get killed."""

    def __init__(self, job: ReadingJob, while_waiting: Callable[[], None], start_reader: Callable[[], Reader]) -> None:
        self._job = job
        self._rows_done = job.skip_rows
        self._while_waiting = while_waiting
        self._start_reader = start_reader
        self._restarts_left = _RESTARTS
        self._reader: Reader | None = None

    def open(self) -> int:
        """Waits until the file is known to be sound; gives the number of its rows."""
        while True:
            reader = self._reader = self._start_reader()
            reader.give(replace(self._job, skip_rows=self._rows_done))
            frame = self._next_frame(reader)
            if isinstance(frame, FileOpened):
                return frame.rows_total
            self._give_up_or_restart(reader)

    def loan_numbers(self) -> LoanNumbers:
        """Waits for the numbers, of another reader where one was killed."""
        while self._reader is not None:
            frame = self._next_frame(self._reader)
            if isinstance(frame, LoanNumbers):
                return frame
            self._give_up_or_restart(self._reader)
            self.open()
        raise ValueError("the reading has been closed")

    def batches(self) -> Iterator[RowBatch]:
        """Yields the batches, starting another reader where one was killed."""
        while self._reader is not None:
            frame = self._next_frame(self._reader)
            if isinstance(frame, PackedBatch):
                self._rows_done += frame.rows_seen
                yield frame.unpack(self._job.kind)
            elif isinstance(frame, FileDone):
                return
            elif not isinstance(frame, LoanNumbers):
                self._give_up_or_restart(self._reader)
                self.open()

    def close(self) -> None:
        """Ends the reader, if it has not ended by itself."""
        if self._reader is not None:
            self._reader.end()
            self._reader = None

    def _next_frame(self, reader: Reader) -> Frame | None:
        """The next frame; None where the reader has died.

        Raises:
            FileRefusedError: The reader refused the file, has a fault of its own or is too slow.
        """
        deadline = time.monotonic() + self._job.limits.seconds
        while not reader.has_frame(_POLL_SECONDS):
            self._while_waiting()
            if reader.is_starved:
                log_event("import_reader_starved", logging.WARNING)
                reader.kill()
                break
            if time.monotonic() > deadline:
                minutes = self._job.limits.seconds / 60
                raise FileRefusedError(f"the file could not be read within {minutes:g} minutes; split it")
        frame = reader.receive()
        if isinstance(frame, FileRefused):
            raise FileRefusedError(frame.message)
        if isinstance(frame, ReadingFailed):
            _log.error("the reader of an imported file failed: %s", frame.place)
            raise FileRefusedError("the file could not be read; the server's log says why")
        return frame

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
            # It may be this worker that has killed it, for want of a processor; and there is no spare one.
            self._start_reader = partial(Reader, only_leftovers=False)
            return
        if exit_code in (-signal.SIGABRT, -signal.SIGKILL):
            memory = self._job.limits.memory_bytes // _MEBIBYTE
            raise FileRefusedError(
                f"the file could not be read within {memory:,} MiB of memory; it may hold a cell far away from the "
                "others, or it has to be split"
            )
        raise FileRefusedError(f"the file could not be read: its reader ended early (exit code {exit_code})")
