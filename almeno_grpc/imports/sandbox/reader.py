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
from functools import partial
from pathlib import Path

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing.rows import parse_file
from almeno_grpc.imports.sandbox.messages import FileEnd, Message, ReadingJob
from almeno_grpc.imports.throttle import IDLE_PRIORITY, lower_priority

_MIN_MEMORY_BYTES = 2**30
_MEMORY_PER_BYTE = 16
"""Address space for each byte of a file once unpacked. CSV files have taken 6, workbooks 3; the rectangle of a sheet
with a cell far away from the others takes thousands, and is refused before any of it is made."""
_MIN_PROCESSOR_SECONDS = 30
_BYTES_PER_PROCESSOR_SECOND = 2**20
"""Of a file once unpacked; a core of 2026 reads seven times as many of CSV, and sixteen times of a workbook."""


def main() -> None:
    """Reads the file that it is given. For `Reader` to start."""
    lower_priority(idle=IDLE_PRIORITY in sys.argv)
    # Millions of cells are made and none of them is part of a cycle: looking for cycles would double the time.
    gc.disable()
    # Only the process that started this one can write there.
    job: ReadingJob = pickle.load(sys.stdin.buffer)  # noqa: S301
    _give_way_to_others()
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
        yield from parse_file(job, partial(_bound_by_size, job.limits.memory_bytes))
    except FileRefusedError as refusal:
        yield FileEnd(refusal=str(refusal))
    except MemoryError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        yield FileEnd(fault=f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}")


def _give_way_to_others() -> None:
    """Where the machine has no memory left, this process is the one to be killed; of no crash a core file is left."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # There is no such file but on Linux.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _bound_by_size(memory_bytes: int, size_bytes: int) -> None:
    """Limits address space and processor time, where the platform can: few bytes must not ask for much of either."""
    memory_bytes = min(memory_bytes, _MIN_MEMORY_BYTES + _MEMORY_PER_BYTE * size_bytes)
    processor_seconds = _MIN_PROCESSOR_SECONDS + size_bytes // _BYTES_PER_PROCESSOR_SECOND
    for limit, bound in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, processor_seconds)):
        _, hard = resource.getrlimit(limit)
        soft = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        # macOS knows the limit of the address space by name only.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (soft, hard))


def _end_with_parent() -> None:
    """Waits for the end of the standard input, whose other end the parent holds as long as it lives."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
