"""The watchdog: the supervisor replaces a process that hangs, and one that has grown too large."""

import logging
import re
import time
from collections.abc import Sequence
from pathlib import Path

from almeno_grpc.logs import log_event
from almeno_grpc.serving.worker_process import WorkerProcess

LOOK_SECONDS = 0.5
"""How often the processes are looked at: one that compressed headers are sent to grows by gigabytes in seconds."""
MAX_START_SECONDS = 120
"""How long a process may take until it is ready; until then it answers no question."""


class Watchdog:
    """Kills processes that give no sign of life or hold too much memory; the supervisor starts them again.

    Silence is counted in looks rather than in seconds: where the whole machine is paused, nobody answers and nobody
    looks either.
    """

    def __init__(self, workers: Sequence[WorkerProcess], max_silence_seconds: int, max_memory_bytes: int) -> None:
        """Takes the processes.

        Args:
            workers: The processes, running or not.
            max_silence_seconds: How long a process that is ready may leave the supervisor without an answer.
            max_memory_bytes: The most memory that a process may hold, as `memory_bytes` measures it.
        """
        self._workers = workers
        self._max_silence_seconds = max_silence_seconds
        self._max_memory_bytes = max_memory_bytes
        self._next_look_seconds = 0.0

    @property
    def due_seconds(self) -> float:
        """Time until the next look."""
        return max(0.0, self._next_look_seconds - time.monotonic())

    def look(self) -> None:
        """Looks at the processes when it is time to; what they have answered has been read before."""
        if self.due_seconds:
            return
        self._next_look_seconds = time.monotonic() + LOOK_SECONDS
        for worker in self._workers:
            if worker.process_id is not None and not worker.is_killed:
                self._look_at(worker, worker.process_id)

    def _look_at(self, worker: WorkerProcess, process_id: int) -> None:
        held_bytes = memory_bytes(process_id)
        max_silence_seconds = self._max_silence_seconds if worker.is_ready else MAX_START_SECONDS
        if held_bytes > self._max_memory_bytes:
            log_event(
                "process_too_large",
                logging.ERROR,
                process=worker.role,
                process_pid=process_id,
                memory_bytes=held_bytes,
                max_memory_bytes=self._max_memory_bytes,
            )
            worker.kill()
        elif worker.unanswered * LOOK_SECONDS > max_silence_seconds:
            log_event(
                "process_hung", logging.ERROR, process=worker.role, process_pid=process_id, seconds=max_silence_seconds
            )
            worker.kill()
        else:
            worker.ask()


def memory_bytes(process_id: int) -> int:
    """Memory that a process has for itself alone, swapped out or not; 0 where the system has no /proc to tell it."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return (
        sum(int(kibibytes) for kibibytes in re.findall(r"^(?:RssAnon|VmSwap):\s+(\d+) kB", status, re.MULTILINE)) * 1024
    )
