"""The program of the reading process: reads and checks one file and sends what came of it down a pipe.

It stands alone so that a poisonous file can take down nothing but this process, whose memory is bounded. Which file it
is comes by the standard input, sooner or later. It ends when the process that started it does.
"""

import contextlib
import gc
import os
import pickle
import resource
import sys
import threading
import traceback
from pathlib import Path
from typing import IO

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import ONLY_LEFTOVERS, FileRefused, Frame, ReadingFailed, ReadingJob, written
from almeno_grpc.imports.parsing.workbooks import open_rows

_NICENESS = 10
"""How much the reader holds back where processors are short."""


def main() -> None:
    """Reads the file that it is told of; the command line names the descriptor to send to. For `Reader` to start."""
    _hold_back(only_leftovers=ONLY_LEFTOVERS in sys.argv)
    # Millions of cells are made and none of them is part of a cycle: looking for cycles would double the time.
    gc.disable()
    # pandas takes longer to load than all else: before there is a file, or while the library of workbooks reads it.
    threading.Thread(target=_load, daemon=True).start()
    try:
        # Only the process that started this one can write there.
        job: ReadingJob = pickle.load(sys.stdin.buffer)  # noqa: S301
    except (EOFError, pickle.UnpicklingError):
        # There will be none: the process that started this one is gone.
        os._exit(0)
    _bound_memory(job.limits.memory_bytes)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    frames = os.fdopen(int(sys.argv[1]), "wb", buffering=0)
    # A broken pipe: nobody wants the rows any more.
    with contextlib.suppress(BrokenPipeError):
        _read(job, frames)
    frames.close()
    # At once: of a file that was refused a thread may still be reading.
    os._exit(0)


def _hold_back(*, only_leftovers: bool) -> None:
    """Lets calls that wait for a processor come first."""
    os.nice(_NICENESS)
    # A nice process still keeps the processor for up to 4 ms from a call that has come for it; such a one is put aside
    # at once. Some containers do not allow it.
    if only_leftovers and sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _load() -> None:
    import almeno_grpc.imports.parsing.file_frames  # noqa: F401, PLC0415


def _read(job: ReadingJob, frames: IO[bytes]) -> None:
    """Sends the frames of the file."""
    try:
        rows = open_rows(job.path, job.file_name, job.limits)
        # By now it may have been loaded.
        from almeno_grpc.imports.parsing.file_frames import frames_of  # noqa: PLC0415

        for frame in frames_of(rows(), job):
            _send(frame, frames)
    except FileRefusedError as refusal:
        _send(FileRefused(refusal.message), frames)
    except MemoryError:
        # As good as being aborted: the process that started this one knows what to say of it.
        os.abort()
    except BrokenPipeError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        _send(ReadingFailed(f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"), frames)


def _send(frame: Frame, frames: IO[bytes]) -> None:
    for part in written(frame):
        rest = memoryview(part)
        while rest:
            rest = rest[frames.write(rest) :]


def _bound_memory(memory_bytes: int) -> None:
    """Limits the address space, where the platform can."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    # macOS knows the limit by name only.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_parent() -> None:
    """Waits for the end of the standard input, whose other end the parent holds as long as it lives."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
