"""Reading an uploaded file through a process of its own, from the side of the worker that wants its rows."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path

from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.frames import (
    FileDone,
    FileOpened,
    FileRefused,
    LoanNumbers,
    PackedBatch,
    ReadingFailed,
    ReadingLimits,
    RowBatch,
)

_log = logging.getLogger(__name__)

_RESTARTS = 2
"""How often a reader that was killed from outside is started again."""
_POLL_SECONDS = 0.5
"""How often `while_waiting` is called while the reader is silent."""
_DYING_SECONDS = 10
"""How long a reader may take to end once its pipe has."""
_MEBIBYTE = 2**20

Frame = FileOpened | FileRefused | LoanNumbers | PackedBatch | FileDone | ReadingFailed


class BookFile:
    """A file that has been read and is sound as a whole. Made by `open_book_file`."""

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
def open_book_file(
    path: Path,
    *,
    kind: ImportKind,
    file_name: str,
    book_date: date,
    limits: ReadingLimits,
    skip_rows: int = 0,
    batch_rows: int = 1_000,
    while_waiting: Callable[[], None] = lambda: None,
) -> Iterator[BookFile]:
    """Starts a process that reads and checks the file, and waits until it has been read as a whole.

    However the block is left, the process has ended by then.

    Args:
        path: Where the uploaded file lies.
        kind: What its rows are.
        file_name: The name its sender gave it.
        book_date: The day on which the lender wrote the book: instalments due by then count as paid.
        limits: How much the file may ask for.
        skip_rows: Rows from the top that are not wanted, because an earlier run has dealt with them. Blank rows do not
            count.
        batch_rows: Rows a batch covers.
        while_waiting: Called about twice a second while the reader is silent. What it raises goes through, and ends
            the reading.

    Raises:
        FileRefusedError: The file as a whole cannot be taken.
    """
    command = [*_command_line(path, kind, file_name, book_date, limits), "--batch-rows", str(batch_rows)]
    reading = _Reading(command, kind, skip_rows, limits, while_waiting)
    try:
        yield BookFile(reading, reading.open())
    finally:
        reading.close()


class _Reading:
    """One file being read, by one reader after the other if they get killed."""

    def __init__(
        self,
        command: list[str],
        kind: ImportKind,
        skip_rows: int,
        limits: ReadingLimits,
        while_waiting: Callable[[], None],
    ) -> None:
        self._command = command
        self._kind = kind
        self._rows_done = skip_rows
        self._limits = limits
        self._while_waiting = while_waiting
        self._restarts_left = _RESTARTS
        self._reader: _Reader | None = None

    def open(self) -> int:
        """Waits until the file has been read; gives the number of its rows."""
        while True:
            reader = self._reader = _Reader([*self._command, "--skip-rows", str(self._rows_done)])
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
                yield frame.unpack(self._kind)
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

    def _next_frame(self, reader: "_Reader") -> Frame | None:
        """The next frame; None where the reader has died.

        Raises:
            FileRefusedError: The reader refused the file, has a fault of its own or is too slow.
        """
        deadline = time.monotonic() + self._limits.seconds
        while not reader.has_frame(_POLL_SECONDS):
            self._while_waiting()
            if time.monotonic() > deadline:
                minutes = self._limits.seconds / 60
                raise FileRefusedError(f"the file could not be read within {minutes:g} minutes; split it")
        frame = reader.receive()
        if isinstance(frame, FileRefused):
            raise FileRefusedError(frame.message)
        if isinstance(frame, ReadingFailed):
            _log.error("the reader of an imported file failed: %s", frame.place)
            raise FileRefusedError("the file could not be read; the server's log says why")
        return frame

    def _give_up_or_restart(self, reader: "_Reader") -> None:
        """Sees how the reader died; returns if another try may go better.

        Raises:
            FileRefusedError: Another try would end the same way.
        """
        exit_code = reader.exit_code()
        self._reader = None
        _log.warning("the reader of an imported file ended early with exit code %s", exit_code)
        if exit_code == -signal.SIGKILL and self._restarts_left > 0:
            self._restarts_left -= 1
            return
        if exit_code in (-signal.SIGABRT, -signal.SIGKILL):
            memory = self._limits.memory_bytes // _MEBIBYTE
            raise FileRefusedError(
                f"the file could not be read within {memory:,} MiB of memory; it may hold a cell far away from the "
                "others, or it has to be split"
            )
        raise FileRefusedError(f"the file could not be read: its reader ended early (exit code {exit_code})")


class _Reader:
    """A running reading process and the pipe its frames come through."""

    def __init__(self, command: list[str]) -> None:
        receiving, sending = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*command, "--frames-descriptor", str(sending)],
                # The reader ends when this pipe does, so also when this process is killed.
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(sending,),
                env=_environment(),
                # Signals from a terminal are meant for the server, which ends the reader itself. In a session of its
                # own the reader would share processors with the server's as an equal, however it holds back.
                process_group=0,
            )
        except BaseException:
            os.close(receiving)
            raise
        finally:
            os.close(sending)
        self._frames: Connection[Frame, Frame] = Connection(receiving, writable=False)

    def has_frame(self, seconds: float) -> bool:
        """Waits for a frame, or the end of the reader, for so long."""
        return self._frames.poll(seconds)

    def receive(self) -> Frame | None:
        """The next frame; None where the reader has ended, in the middle of one too."""
        try:
            return self._frames.recv()
        except (EOFError, OSError):
            return None

    def exit_code(self) -> int:
        """How a reader whose pipe has ended came to its end: the negative number of a signal, or its exit code."""
        try:
            return self._process.wait(_DYING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self.end()

    def end(self) -> None:
        """Ends the process, whatever it does, and leaves nothing of it."""
        self._process.kill()
        self._process.wait()
        self._frames.close()
        if self._process.stdin is not None:
            self._process.stdin.close()


def _command_line(path: Path, kind: ImportKind, file_name: str, book_date: date, limits: ReadingLimits) -> list[str]:
    # Of the name only the ending counts; no name may be too long for a command line or unfit for one.
    ending = "".join(character for character in file_name[-20:] if character.isprintable())
    return [
        *(sys.executable, "-P", "-m", "almeno_grpc.imports.reader"),
        *("--path", str(path), "--kind", kind.value, f"--file-name={ending}", "--book-date", book_date.isoformat()),
        *("--unpacked-bytes", str(limits.unpacked_bytes), "--rows", str(limits.rows)),
        *("--memory-bytes", str(limits.memory_bytes)),
    ]


def _environment() -> dict[str, str]:
    """The environment without the server's settings, which hold the way to the database."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALMENO_")}
    # The arithmetic library under pandas would set up memory for a thread a core.
    return environment | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
