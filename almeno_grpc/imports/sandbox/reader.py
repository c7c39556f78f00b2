"""The program of the reading process: reads and checks one file and sends what came of it down a pipe.

A poisonous file can take down nothing but this process, whose memory is bounded. Its job comes by the standard input,
and it ends when the process that started it does.
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

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import FileRefused, ReaderFailed, ReadingJob
from almeno_grpc.imports.sandbox.pipe import send
from almeno_grpc.imports.throttle import IDLE_PRIORITY, lower_priority


def main() -> None:
    """Reads the file that it is given; the command line names the descriptor to send to. For `Reader` to start."""
    lower_priority(idle=IDLE_PRIORITY in sys.argv)
    # Millions of cells are made and none of them is part of a cycle: looking for cycles would double the time.
    gc.disable()
    # pandas takes longer to load than a small file to read.
    threading.Thread(target=_load, daemon=True).start()
    try:
        # Only the process that started this one can write there.
        job: ReadingJob = pickle.load(sys.stdin.buffer)  # noqa: S301
    except (EOFError, pickle.UnpicklingError):
        # There will be none: the process that started this one is gone.
        os._exit(0)
    _bound_memory(job.limits.memory_bytes)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # A broken pipe: nobody wants the rows any more.
    with contextlib.suppress(BrokenPipeError):
        _read(job, int(sys.argv[1]))
    os._exit(0)


def _load() -> None:
    import almeno_grpc.imports.parsing.rows  # noqa: F401, PLC0415


def _read(job: ReadingJob, descriptor: int) -> None:
    """Sends what the file holds."""
    try:
        # By now it may have been loaded.
        from almeno_grpc.imports.parsing.rows import parse_file  # noqa: PLC0415

        for message in parse_file(job):
            send(descriptor, message)
    except FileRefusedError as refusal:
        send(descriptor, FileRefused(refusal.message))
    except MemoryError:
        # As good as being aborted: the process that started this one knows what to say of it.
        os.abort()
    except BrokenPipeError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        send(descriptor, ReaderFailed(f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"))


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
