"""Reading processes from the side of the one that starts them: see `almeno_grpc.imports.reader`."""

import contextlib
import fcntl
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import IO

from almeno_grpc.imports.frames import ONLY_LEFTOVERS, Frame, ReadingJob

_PROGRAM = (sys.executable, "-P", "-m", "almeno_grpc.imports.reader")
_MOST_NAME_CHARACTERS = 20
"""Of a file's name, from its end: only its ending counts."""
_PIPE_BYTES = 2**20
"""Of frames that wait to be received, so that the two processes do not wait for each other in the middle of a batch."""
_DYING_SECONDS = 10
"""How long a reader may take to end once its pipe has."""


class Reader:
    """A running reading process, which reads one file, and the pipe its frames come through."""

    def __init__(self, *, only_leftovers: bool = True) -> None:
        """Starts the process. Until it is given a file it loads what it reads with, and waits.

        Args:
            only_leftovers: Whether it takes only what others leave of the processors, and may have to wait for long.
        """
        self.takes_only_leftovers = only_leftovers
        """As told."""
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
        self._frames: Connection[Frame, Frame] = Connection(receiving, writable=False)
        self._jobs: IO[bytes] = self._process.stdin  # type: ignore[assignment]

    def give(self, job: ReadingJob) -> None:
        """Tells the process which file to read. To be done once."""
        # A name without end would not fit into the pipe before the process is there to read it.
        job = replace(job, file_name=job.file_name[-_MOST_NAME_CHARACTERS:])
        # Where the process is gone, so is the pipe its frames would come through.
        with contextlib.suppress(BrokenPipeError):
            self._jobs.write(pickle.dumps(job))

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def has_frame(self, seconds: float) -> bool:
        """Waits for a frame, or the end of the reader, for so long."""
        return self._frames.poll(seconds)

    def receive(self) -> Frame | None:
        """The next frame; None where the reader has ended, in the middle of one too."""
        try:
            return self._frames.recv()
        except (EOFError, OSError):
            return None

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
    # The arithmetic library under pandas would set up memory for a thread a core.
    return environment | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
