"""Load from outside Python: h2load, on connections that each have one call in flight.

h2load counts an answer by its HTTP status, which is 200 for an error of gRPC too. An error carries no message, though:
that every call was answered well shows in the bytes that came back.
"""

import contextlib
import re
import statistics
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FRAME_BYTES = 5
"""gRPC puts a flag and a length before every message."""
START_SECONDS = 60
"""How much longer than asked for a run may take."""


class NeverAllAtWork(Exception):
    """Before the last process of the load had started, or had its first answer, the first one was done."""


@dataclass(frozen=True)
class Run:
    """What a run came to.

    Attributes:
        calls: Answered calls, all of them.
        calls_per_second: While every process of the load was at work.
        latencies_us: Of those calls, ascending.
        answered_bytes: Of messages, with their frames.
    """

    calls: int
    calls_per_second: float
    latencies_us: Sequence[int]
    answered_bytes: int

    def percentile_us(self, percent: int) -> int:
        """The latency that so many of a hundred calls stay within."""
        return self.latencies_us[min(len(self.latencies_us) * percent // 100, len(self.latencies_us) - 1)]


def load(address: str, method: str, messages: Sequence[bytes], connections: int, seconds: float, folder: Path) -> Run:
    """Calls a method for a while, from one process for each message.

    Args:
        address: The server's, as host:port.
        method: Full name of the method, as /package.Service/Method.
        messages: What to send: over its share of the connections, each process sends its own message again and again.
        connections: As many as there are messages, or a multiple.
        seconds: How long; each process has that time from its own start.
        folder: Where there is room for the requests and the logs.

    Returns:
        What came back. When the time is over, calls in flight are given up; there is one on each connection.

    Raises:
        NeverAllAtWork: The machine has so much else to do that the time was too short.
    """
    assert connections % len(messages) == 0
    processes, logs = [], []
    with contextlib.ExitStack() as stack:
        for number, message in enumerate(messages):
            body, log = folder / f"request-{number}.bin", folder / f"calls-{number}.tsv"
            body.write_bytes(struct.pack(">?I", False, len(message)) + message)
            log.unlink(missing_ok=True)
            command = [
                *("h2load", "-D", f"{round(seconds * 1000)}ms", "-c", str(connections // len(messages)), "-m", "1"),
                *("-t", "1", "-d", str(body), "--log-file", str(log)),
                *("-H", "content-type: application/grpc", "-H", "te: trailers", f"http://{address}{method}"),
            ]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            stack.callback(process.kill)
            processes.append(process)
            logs.append(log)
        outputs = [process.communicate(timeout=seconds + START_SECONDS)[0] for process in processes]
    for process, output in zip(processes, outputs, strict=True):
        if process.returncode != 0 or not _all_answered(output):
            sys.exit(f"not every call of {method} was answered:\n{output}")
    if not all(log.stat().st_size for log in logs):
        raise NeverAllAtWork
    answered_bytes = sum(int(_found(r"\((\d+)\) data", output)) for output in outputs)
    return _run_of([_read_log(log) for log in logs], answered_bytes)


def _all_answered(output: str) -> bool:
    answered = _found(r"requests: .*, (\d+) done", output)
    return f"{answered} succeeded, 0 failed, 0 errored" in output


def _found(pattern: str, output: str) -> str:
    found = re.search(pattern, output)
    if found is None:
        sys.exit(f"h2load is not understood:\n{output}")
    return found[1]


def _read_log(log: Path) -> list[tuple[int, int]]:
    """The calls that a process saw answered: start, in microseconds since the epoch, and duration in microseconds."""
    lines = (line.split("\t") for line in log.read_text().splitlines())
    return [(int(start), int(duration)) for start, _, duration in lines]


def _run_of(logs: Sequence[Sequence[tuple[int, int]]], answered_bytes: int) -> Run:
    """Counts only while every process was at work: many take a while to start."""
    first = max(min(start for start, _ in log) for log in logs)
    last = min(max(start + duration for start, duration in log) for log in logs)
    within = sorted(duration for log in logs for start, duration in log if start >= first and start + duration <= last)
    if not within:
        raise NeverAllAtWork
    return Run(sum(map(len, logs)), len(within) / ((last - first) / 1e6), within, answered_bytes)


def joined(runs: Sequence[Run]) -> Run:
    """Runs one after the other as one."""
    return Run(
        sum(run.calls for run in runs),
        statistics.mean(run.calls_per_second for run in runs),
        sorted(latency for run in runs for latency in run.latencies_us),
        sum(run.answered_bytes for run in runs),
    )
