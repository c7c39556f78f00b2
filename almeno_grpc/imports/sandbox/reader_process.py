"""Reading processes from the side of the one that starts them: see `almeno_grpc.imports.sandbox.reader`."""

import contextlib
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from almeno_grpc.imports.sandbox.messages import ReadingJob
from almeno_grpc.imports.sandbox.pipe import Receiver
from almeno_grpc.imports.throttle import IDLE_PRIORITY

_PROGRAM = (sys.executable, "-P", "-m", "almeno_grpc.imports.sandbox.reader")
_MAX_NAME_CHARACTERS = 20
"""Of a file's name, from its end: only its ending counts."""
_PATIENCE_SECONDS = 10.0
"""How long a process of idle priority may be waited for: the others may leave it no processor at all."""
_EXIT_SECONDS = 10
"""How long a reader may take to end once its pipe has."""


class Reader:
    """A running reading process, which reads one file, and the pipe its messages come through."""

    def __init__(self, *, idle_priority: bool = True) -> None:
        """Starts the process. Until it is given a file it loads what it reads with, and waits.

        With `idle_priority` it gets only what others leave of the processors, and may have to wait for long.
        """
        self._idle_priority = idle_priority and sys.platform == "linux"
        self._waited_seconds = self._worked_seconds = 0.0
        self._messages = Receiver()
        try:
            self._process = subprocess.Popen(
                [*_PROGRAM, str(self._messages.sending_end), *([IDLE_PRIORITY] if idle_priority else [])],
                # Its file comes this way, and it ends when this pipe does, so also when this process is killed.
                stdin=subprocess.PIPE,
                bufsize=0,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(self._messages.sending_end,),
                env=_environment(),
                # Signals from a terminal are meant for the server, which ends the reader itself. In a session of its
                # own the reader would share processors with the server's as an equal, whatever its priority.
                process_group=0,
            )
        except BaseException:
            self._messages.close()
            raise
        finally:
            os.close(self._messages.sending_end)
        self._jobs: IO[bytes] = self._process.stdin  # type: ignore[assignment]  # it was asked for

    def give(self, job: ReadingJob) -> None:
        """Sends the process the file to read. To be done once."""
        # A name without end would not fit into the pipe before the process is there to read it.
        job = replace(job, file_name=job.file_name[-_MAX_NAME_CHARACTERS:])
        # Where the process is gone, so is the pipe its messages would come through.
        with contextlib.suppress(BrokenPipeError):
            self._jobs.write(pickle.dumps(job))

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def poll(self, seconds: float) -> bool:
        """Waits for a whole message, or the end of the reader, for so long."""
        worked_before = self._processor_seconds()
        if self._messages.poll(seconds):
            return True
        self._waited_seconds += seconds
        self._worked_seconds += self._processor_seconds() - worked_before
        return False

    def receive(self) -> Any:
        """The next message, once there is one; None where the reader has ended, in the middle of one too."""
        return self._messages.receive()

    @property
    def is_starved(self) -> bool:
        """Whether it has long been waited for and had less than half of a processor meanwhile."""
        has_waited = self._idle_priority and self._waited_seconds > _PATIENCE_SECONDS
        return has_waited and self._worked_seconds < self._waited_seconds / 2

    def kill(self) -> None:
        """Kills the process, as if it was killed from outside: what it has sent can still be received."""
        self._process.kill()

    def exit_code(self) -> int:
        """How a reader whose pipe has ended came to its end: minus the number of a signal, or its exit code."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_SECONDS)
        self.end()
        return self._process.wait()

    def end(self) -> None:
        """Ends the process, whatever it does, and leaves nothing of it."""
        self._process.kill()
        self._process.wait()
        self._messages.close()
        self._jobs.close()

    def _processor_seconds(self) -> float:
        """How long processors have worked for it, as far as that is of interest."""
        if self._idle_priority:
            with contextlib.suppress(OSError):
                _, _, fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")
                return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")
        return 0.0


class WarmReader:
    """Keeps a process ready that has loaded what it reads with, which takes longer than to read a small file."""

    def __init__(self) -> None:
        self._reader: Reader | None = None

    def keep(self) -> None:
        """Starts a process, unless one is ready or the system has no room for one."""
        if self._reader is None or self._reader.has_ended:
            self.end()
            with contextlib.suppress(OSError):
                self._reader = Reader()

    def take(self) -> Reader:
        """Gives the process that is ready, or starts one; it is the caller's from then on."""
        reader, self._reader = self._reader, None
        if reader is not None and reader.has_ended:
            reader.end()
            reader = None
        return reader or Reader()

    def end(self) -> None:
        """Ends the process that is ready, if there is one."""
        if self._reader is not None:
            self._reader.end()
            self._reader = None


def _environment() -> dict[str, str]:
    """The environment without the server's settings, which hold the way to the database."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALMENO_")}
    return environment | {
        # The arithmetic library under pandas would set up memory for a thread a core.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        # numpy would have the kernel gather large arrays into large pages: it does so for 50 ms at a time, and calls
        # that have come for the processor wait. The reader is as fast without.
        "NUMPY_MADVISE_HUGEPAGE": "0",
    }
