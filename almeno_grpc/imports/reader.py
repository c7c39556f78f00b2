"""The program of the reading process: reads and checks one file and sends what came of it down a pipe.

It stands alone so that a poisonous file can take down nothing but this process, whose memory is bounded. It ends when
the process that started it does.
"""

import argparse
import contextlib
import gc
import os
import resource
import sys
import threading
import traceback
from array import array
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
)
from almeno_grpc.imports.sheets import open_rows

Frame = FileOpened | FileRefused | LoanNumbers | PackedBatch | FileDone | ReadingFailed

_NICENESS = 10
"""How much the reader holds back where processors are short."""


def main() -> None:
    """Reads the file that the command line names. Not meant to be started by hand."""
    options = _options()
    _bound_memory(options.memory_bytes)
    # Calls that wait for a processor come first.
    os.nice(_NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Millions of cells are made and none of them is part of a cycle: looking for cycles would double the time.
    gc.disable()
    frames: Connection[Frame, Frame] = Connection(options.frames_descriptor, readable=False)
    # A broken pipe: nobody wants the rows any more.
    with contextlib.suppress(BrokenPipeError):
        _read(options, frames)
    frames.close()
    # At once: of a file that was refused a thread may still be reading.
    os._exit(0)


def _read(options: argparse.Namespace, frames: "Connection[Frame, Frame]") -> None:
    """Sends the frames of the file."""
    try:
        limits = ReadingLimits(
            unpacked_bytes=options.unpacked_bytes, rows=options.rows, memory_bytes=options.memory_bytes
        )
        rows = open_rows(options.path, options.file_name, limits)
        # While the sheet is being read, for these load pandas, which takes a while.
        from almeno_grpc.imports.reading import table_of  # noqa: PLC0415
        from almeno_grpc.imports.rows import RowChecker  # noqa: PLC0415

        table = table_of(rows(), options.kind, limits)
        frames.send(FileOpened(len(table)))
        checker = RowChecker(table, options.kind, options.book_date)
        # Where rows have landed, their numbers have been set aside. Else they are while the rows are put in order.
        frames.send(checker.loan_numbers() if options.skip_rows == 0 else LoanNumbers(array("q"), array("q")))
        for batch in checker.batches(skip_rows=options.skip_rows, batch_rows=options.batch_rows):
            frames.send(batch)
        frames.send(FileDone())
    except FileRefusedError as refusal:
        frames.send(FileRefused(refusal.message))
    except MemoryError:
        # As good as being aborted: the process that started this one knows what to say of it.
        os.abort()
    except BrokenPipeError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        frames.send(ReadingFailed(f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="almeno_grpc.imports.reader")
    parser.add_argument("--path", type=Path, required=True)
    parser.add_argument("--kind", type=ImportKind, required=True)
    parser.add_argument("--file-name", required=True)
    parser.add_argument("--book-date", type=date.fromisoformat, required=True)
    parser.add_argument("--skip-rows", type=int, required=True)
    parser.add_argument("--batch-rows", type=int, required=True)
    parser.add_argument("--unpacked-bytes", type=int, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--memory-bytes", type=int, required=True)
    parser.add_argument("--frames-descriptor", type=int, required=True)
    return parser.parse_args()


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
