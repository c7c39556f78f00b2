"""What processes use of the machine, as the kernel tells it."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process_ids: Iterable[int]) -> float:
    """Processor time that the processes have taken so far, in user mode and in the kernel; of 10 ms resolution.

    That of their children that have ended is theirs; one that ends while we look is counted with its parent next time.
    """
    ticks = 0
    for process_id in process_ids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The name of the program, in brackets, may have spaces in it.
            fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS_PER_SECOND


def children(process_id: int) -> list[int]:
    """The processes that a process has started and that run. Cheap enough to ask for beside what is timed."""
    found: list[int] = []
    for thread in Path(f"/proc/{process_id}/task").iterdir():
        # It may have ended since.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (thread / "children").read_text().split())
    return found


def peak_memory_mib(process_id: int) -> float:
    """The most memory that a process has held at a time, what it shares with others included."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {process_id} has ended")
