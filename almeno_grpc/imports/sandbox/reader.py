"""The program of the reading process: reads and checks one file and sends what came of it.

A poisonous file can take down nothing but this process, whose memory is bounded. Its job comes by the standard input,
its messages go to the standard output, and it ends when the process that started it does.
"""

import contextlib
import gc
import os
import pickle
import resource
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing.rows import parse_file
from almeno_grpc.imports.sandbox.messages import FileEnd, Message, ReadingJob
from almeno_grpc.imports.throttle import IDLE_PRIORITY, lower_priority


def main() -> None:
    """Reads the file that it is given. For `Reader` to start."""
    lower_priority(idle=IDLE_PRIORITY in sys.argv)
    # Millions of cells are made and none of them is part of a cycle: looking for cycles would double the time.
    gc.disable()
    # Only the process that started this one can write there.
    job: ReadingJob = pickle.load(sys.stdin.buffer)  # noqa: S301
    _bound_memory(job.limits.memory_bytes)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        for message in _messages(job):
            pickle.dump(message, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Nobody wants the rows any more.
        pass
    except MemoryError:
        # As good as being aborted: the process that started this one knows what to say of it.
        os.abort()
    os._exit(0)


def _messages(job: ReadingJob) -> Iterator[Message]:
    """What the file holds, or why it cannot be read."""
    try:
        yield from parse_file(job)
    except FileRefusedError as refusal:
        yield FileEnd(refusal=str(refusal))
    except MemoryError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        yield FileEnd(fault=f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}")


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
