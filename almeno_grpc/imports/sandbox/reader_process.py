"""Reading processes from the side of the one that starts them: see `almeno_grpc.imports.sandbox.reader`."""

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from almeno_grpc.imports.sandbox.messages import Message, ReadingJob
from almeno_grpc.imports.throttle import IDLE_PRIORITY

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


class Reader:
    """A running process that reads one file."""

    def __init__(self, job: ReadingJob, *, idle_priority: bool = True) -> None:
        """Starts the process; with `idle_priority` it gets only what others leave of the processors."""
        self._has_idle_priority = idle_priority and sys.platform == "linux"
        self._waited_seconds = self._worked_seconds = 0.0
        self._messages = queue.Queue[Message | None](_MAX_WAITING)
        self._process = subprocess.Popen(
            [*_PROGRAM, *([IDLE_PRIORITY] if idle_priority else [])],
            # It ends when this pipe does, so also when this process is killed.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            # Signals from a terminal are meant for the server, which ends the reader itself. In a session of its own
            # the reader would share processors with the server's as an equal, whatever its priority.
            process_group=0,
        )
        self._jobs = cast(IO[bytes], self._process.stdin)
        # Of a process that was stopped in the middle of a message the rest may never come: only a thread may wait.
        self._receiver = threading.Thread(target=self._receive_all, daemon=True)
        self._receiver.start()
        with contextlib.suppress(BrokenPipeError):
            self._jobs.write(pickle.dumps(replace(job, file_name=job.file_name[-_MAX_NAME_CHARACTERS:])))
            self._jobs.flush()

    def _receive_all(self) -> None:
        with cast(IO[bytes], self._process.stdout) as output, contextlib.suppress(EOFError, pickle.UnpicklingError):
            while True:
                # Nobody else can write there.
                self._messages.put(pickle.load(output))  # noqa: S301
        self._messages.put(None)

    def receive(self, seconds: float) -> Message | None:
        """The next message; None where the process has ended, in the middle of one too.

        Raises:
            TimeoutError: None came within so many seconds.
        """
        worked_before = self._processor_seconds()
        try:
            return self._messages.get(timeout=seconds)
        except queue.Empty:
            self._waited_seconds += seconds
            self._worked_seconds += self._processor_seconds() - worked_before
            raise TimeoutError from None

    @property
    def is_starved(self) -> bool:
        """Whether it has long been waited for and had less than half of a processor meanwhile."""
        has_waited = self._has_idle_priority and self._waited_seconds > _PATIENCE_SECONDS
        return has_waited and self._worked_seconds < self._waited_seconds / 2

    def kill(self) -> None:
        """Kills the process, as if it was killed from outside: what it has sent can still be received."""
        self._process.kill()

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
