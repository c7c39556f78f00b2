"""Reading an uploaded file in the sandbox, from the side of the worker that wants its rows.

The process is `almeno_grpc.imports.sandbox.reader`.
"""

import contextlib
import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import FileEnd, FileOpened, Message, ReadingJob, RowBatch
from almeno_grpc.imports.throttle import IDLE_PRIORITY
from almeno_grpc.logs import log_event

_log = logging.getLogger(__name__)

_PROGRAM = (sys.executable, "-P", "-m", "almeno_grpc.imports.sandbox.reader")
_MAX_NAME_CHARACTERS = 20
"""Of a file's name, from its end: only its ending counts, and a pipe has no room for a name without end."""
_MAX_WAITING = 4
"""Messages that wait to be received: the fewer may, the more often the two processes wait for each other."""
_PATIENCE_SECONDS = 10.0
"""How long a process of idle priority may be waited for: the others may leave it no processor at all."""
_EXIT_SECONDS = 10
"""How long a reader may take to end once its last message has come."""
_ENVIRONMENT = {
    # The arithmetic library under numpy would set up memory for a thread a core.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # numpy would have the kernel gather large arrays into large pages: it does so for 50 ms at a time, and calls that
    # have come for the processor wait. The reader is as fast without.
    "NUMPY_MADVISE_HUGEPAGE": "0",
}
_MAX_RESTARTS = 2
"""How often a reader that was killed from outside is started again."""
_POLL_SECONDS = 0.5
"""How often `while_waiting` is called while the reader is silent."""


class Reader:
    """A running process that reads one file."""

    def __init__(self, job: ReadingJob, *, idle_priority: bool = True) -> None:
        """Starts the process; with `idle_priority` it gets only what others leave of the processors."""
        self._has_idle_priority = idle_priority and sys.platform == "linux"
        self._waited_seconds = self._worked_seconds = 0.0
        self._messages = queue.Queue[Message | None](_MAX_WAITING)
        # The reader inherits the file, which may have no name.
        with job.path.open("rb") as file:
            job = replace(job, path=Path(f"/dev/fd/{file.fileno()}"), file_name=job.file_name[-_MAX_NAME_CHARACTERS:])
            self._process = subprocess.Popen(
                [*_PROGRAM, *([IDLE_PRIORITY] if idle_priority else [])],
                # It ends when this pipe does, so also when this process is killed.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                pass_fds=[file.fileno()],
                # Signals from a terminal are meant for the server, which ends the reader itself. In a session of its
                # own the reader would share processors with the server's as an equal, whatever its priority.
                process_group=0,
            )
        self._jobs = cast(IO[bytes], self._process.stdin)
        # Of a process that was stopped in the middle of a message the rest may never come: only a thread may wait.
        self._receiver = threading.Thread(target=self._receive_all, daemon=True)
        self._receiver.start()
        with contextlib.suppress(BrokenPipeError):
            self._jobs.write(pickle.dumps(job))
            self._jobs.flush()

    def _receive_all(self) -> None:
        try:
            with cast(IO[bytes], self._process.stdout) as output, contextlib.suppress(EOFError, pickle.UnpicklingError):
                while True:
                    # Nobody else can write there.
                    self._messages.put(pickle.load(output))  # noqa: S301
        finally:
            self._messages.put(None)

    def receive(self, seconds: float) -> Message | None:
        """The next message; None where the process has ended, in the middle of one too.

        A process of idle priority that others have left no processor for long is killed.

        Raises:
            TimeoutError: None came within so many seconds.
        """
        worked_before = self._processor_seconds()
        try:
            return self._messages.get(timeout=seconds)
        except queue.Empty:
            self._waited_seconds += seconds
            self._worked_seconds += self._processor_seconds() - worked_before
            # It has had less than half of a processor.
            is_starved = self._worked_seconds < self._waited_seconds / 2
            if is_starved and self._has_idle_priority and self._waited_seconds > _PATIENCE_SECONDS:
                log_event("import_reader_starved", logging.WARNING)
                # As if from outside: what it has sent can still be received.
                self._process.kill()
            raise TimeoutError from None

    def exit_code(self) -> int:
        """How a process that sends no more came to its end: minus the number of a signal, or its exit code."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_SECONDS)
        self.end()
        return self._process.wait()

    def end(self) -> None:
        """Ends the process, whatever it does, and leaves nothing of it."""
        self._process.kill()
        self._process.wait()
        while self._receiver.is_alive():
            with contextlib.suppress(queue.Empty):
                self._messages.get(timeout=0.001)
        with contextlib.suppress(BrokenPipeError):
            self._jobs.close()

    def _processor_seconds(self) -> float:
        """How long processors have worked for it, as far as that is of interest."""
        if self._has_idle_priority:
            with contextlib.suppress(OSError):
                _, _, fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")
                return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")
        return 0.0


def _environment() -> dict[str, str]:
    """The environment without the server's settings, which hold the way to the database."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ALMENO_")} | _ENVIRONMENT


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
            memory = f"the memory for files of its size, at most {self._job.limits.memory_bytes // 2**20:,} MiB"
            where = "it may hold a cell far away from the others, or it has to be split"
            message = f"the file could not be read within {memory}; {where}"
        if exit_code == -signal.SIGXCPU:
            message = "the file could not be read within the processor time for files of its size; save it anew"
        raise FileRefusedError(message)


@contextlib.contextmanager
def open_import_file(
    job: ReadingJob, *, while_waiting: Callable[[], None] = lambda: None
) -> Iterator[ImportFileSession]:
    """Has a process read and check a file, and waits until it is known to be sound as a whole.

    However the block is left, the process has ended by then. `while_waiting` is called twice a second while the reader
    is silent; what it raises ends the reading.

    Raises:
        FileRefusedError: The file as a whole cannot be taken.
    """
    with contextlib.closing(ImportFileSession(job, while_waiting)) as session:
        session.open()
        yield session
