"""Reading processes from the side of the one that starts them: see `almeno_grpc.imports.sandbox.reader`."""

import contextlib
import fcntl
import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO

from almeno_grpc.imports.sandbox.messages import ONLY_LEFTOVERS, Frame, ReadingJob, is_whole, take_first

_PROGRAM = (sys.executable, "-P", "-m", "almeno_grpc.imports.sandbox.reader")
_MAX_NAME_CHARACTERS = 20
"""Of a file's name, from its end: only its ending counts."""
_PIPE_BYTES = 2**20
"""Of frames that wait to be received: the fewer fit, the more often the two processes wait for each other."""
_PATIENCE_SECONDS = 10.0
"""How long one may be waited for that has only what others leave of the processors: they may leave nothing."""
_DYING_SECONDS = 10
"""How long a reader may take to end once its pipe has."""


class Reader:
    """A running reading process, which reads one file, and the pipe its frames come through."""

    def __init__(self, *, only_leftovers: bool = True) -> None:
        """Starts the process. Until it is given a file it loads what it reads with, and waits.

        Args:
            only_leftovers: Whether it takes only what others leave of the processors, and may have to wait for long.
        """
        self._only_leftovers = only_leftovers and sys.platform == "linux"
        self._waited_seconds = self._worked_seconds = 0.0
        self._received = bytearray()
        """What has come of the next frame, and perhaps of some behind it."""
        self._has_no_more = False
        receiving, sending = os.pipe()
        _widen(sending)
        try:
            self._process = subprocess.Popen(
                [*_PROGRAM, str(sending), *([ONLY_LEFTOVERS] if only_leftovers else [])],
                # Its file comes this way, and it ends when this pipe does, so also when this process is killed.
                stdin=subprocess.PIPE,
                bufsize=0,
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
        self._frames: IO[bytes] = os.fdopen(receiving, "rb", buffering=0)
        self._jobs: IO[bytes] = self._process.stdin  # type: ignore[assignment]

    def give(self, job: ReadingJob) -> None:
        """Tells the process which file to read. To be done once."""
        # A name without end would not fit into the pipe before the process is there to read it.
        job = replace(job, file_name=job.file_name[-_MAX_NAME_CHARACTERS:])
        # Where the process is gone, so is the pipe its frames would come through.
        with contextlib.suppress(BrokenPipeError):
            self._jobs.write(pickle.dumps(job))

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def has_frame(self, seconds: float) -> bool:
        """Waits for a whole frame, or the end of the reader, for so long."""
        deadline = time.monotonic() + seconds
        worked_before = self._processor_seconds()
        while not is_whole(self._received) and not self._has_no_more:
            if not wait([self._frames.fileno()], max(0.0, deadline - time.monotonic())):
                self._waited_seconds += seconds
                self._worked_seconds += self._processor_seconds() - worked_before
                return False
            piece = self._frames.read(_PIPE_BYTES)
            self._received += piece
            self._has_no_more = not piece
        return True

    def receive(self) -> Frame | None:
        """The next frame, once there is one; None where the reader has ended, in the middle of one too."""
        return take_first(self._received) if is_whole(self._received) else None

    @property
    def is_starved(self) -> bool:
        """Whether it has long been waited for and had less than half of a processor meanwhile."""
        is_waited_for = self._only_leftovers and self._waited_seconds > _PATIENCE_SECONDS
        return is_waited_for and self._worked_seconds < self._waited_seconds / 2

    def kill(self) -> None:
        """Kills the process, as if it was killed from outside: what it has sent can still be received."""
        self._process.kill()

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
        self._jobs.close()

    def _processor_seconds(self) -> float:
        """How long processors have worked for it, as far as that is of interest."""
        if not self._only_leftovers:
            return 0.0
        with contextlib.suppress(OSError):
            _, _, fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")
            return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")
        return 0.0


class SpareReader:
    """Keeps a process ready that has loaded what it reads with, which takes longer than to read a small file."""

    def __init__(self) -> None:
        self._spare: Reader | None = None

    def keep(self) -> None:
        """Starts a process, unless one is ready or the system has no room for one."""
        if self._spare is None or self._spare.has_ended:
            self.end()
            with contextlib.suppress(OSError):
                self._spare = Reader()

    def take(self) -> Reader:
        """Gives the process that is ready, or starts one; it is the caller's from then on."""
        spare, self._spare = self._spare, None
        if spare is not None and not spare.has_ended:
            return spare
        if spare is not None:
            spare.end()
        return Reader()

    def end(self) -> None:
        """Ends the process that is ready, if there is one."""
        if self._spare is not None:
            self._spare.end()
            self._spare = None


def _widen(pipe: int) -> None:
    if sys.platform == "linux":
        # The system bounds what a user may have of it.
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


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
