"""What is measured at which load, in rounds that take every point on every target in turn."""

import contextlib
import itertools
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import operations
from benchmarks.load import NeverAllAtWork, joined, load
from benchmarks.processes import cpu_seconds, peak_memory_mib
from benchmarks.targets import EMPTY, PLAIN, Target

CONNECTIONS = (1, 4, 16, 64)
BATCH_CONNECTIONS = 8
BATCH_SECONDS = 3.0
"""The least a run of batches takes: each answer takes its time."""
MAX_TURNS = 8
MAX_ATTEMPTS = 4
START_SECONDS_PER_PROCESS = 0.03
"""What a run of many processes is longer by, since they do not start at once."""


@dataclass(frozen=True)
class Point:
    """A load.

    Attributes:
        operation: Name of the RPC, or `EMPTY`.
        connections: Each with one call in flight.
        spread: Whether each connection is that of a process of its own, with a customer of its own.
    """

    operation: str
    connections: int
    spread: bool = False

    @property
    def empty(self) -> "Point":
        """The same load on the transport alone."""
        return Point(EMPTY, self.connections, self.spread)


@dataclass(frozen=True)
class RunStatistics:
    """What a run came to. `work` counts decisions where a call is a batch of them, else calls.

    Attributes:
        work_per_second: Calls or decisions.
        p50_us: Latency of a call that half stay within, in microseconds.
        p99_us: The same for 99 of 100.
        cpu_us: Processor time of the processes that serve calls, a call or decision.
        database_cpu_us: The same of the database server.
    """

    work_per_second: float
    p50_us: float
    p99_us: float
    cpu_us: float
    database_cpu_us: float


@dataclass
class Results:
    """All figures, by the name of the target and the point, one of each round; and what else there is to say.

    Attributes:
        figures: What was measured.
        memory_mib: The most memory that each process has held, by target and role.
    """

    figures: dict[tuple[str, Point], list[RunStatistics]] = field(default_factory=dict)
    memory_mib: dict[str, dict[str, float]] = field(default_factory=dict)

    def median(self, target: str, point: Point) -> RunStatistics:
        """The median of each figure over the rounds."""
        rounds = self.figures[target, point]
        names = RunStatistics.__dataclass_fields__
        return RunStatistics(**{name: statistics.median(getattr(each, name) for each in rounds) for name in names})

    def ratios(self, target: str, point: Point) -> list[float]:
        """The rate as a share of the empty RPC's at the same load, round by round."""
        pairs = zip(self.figures[target, point], self.figures[EMPTY, point.empty], strict=True)
        return [own.work_per_second / empty.work_per_second for own, empty in pairs]


POINTS = (
    *(Point(operations.CHECK, connections) for connections in CONNECTIONS),
    Point(operations.BATCH, BATCH_CONNECTIONS),
    *(Point(operations.BOOK, connections, spread=connections > 1) for connections in CONNECTIONS),
    Point(operations.GET, 16),
    Point(operations.LIST, 16),
)


def points_of(target: str) -> Sequence[Point]:
    """What is measured on a target: everything, but for one that waits for its turn to write as SQLite does by itself.

    That is by trying again after a while. Where several calls are in flight, it would be what is measured.
    """
    return [Point(operations.BOOK, 1)] if target == PLAIN else POINTS


def measure(targets: Sequence[Target], rounds: int, seconds: float, folder: Path) -> Results:
    """Measures every point on every target that it is for, once to warm up and then in rounds.

    Args:
        targets: The transport first.
        rounds: How often.
        seconds: How long a run takes.
        folder: Where there is room for requests and logs.
    """
    results = Results()
    benches = [Bench(target, folder) for target in targets]
    for number in range(rounds + 1):
        measured_empty = set()
        for point in POINTS:
            # Who comes behind another one finds the disk as that has left it.
            for bench in benches if number % 2 else reversed(benches):
                if point not in points_of(bench.target.name):
                    continue
                own = point.empty if bench.target.name == EMPTY else point
                if own in measured_empty:
                    continue
                if own.operation == EMPTY:
                    measured_empty.add(own)
                figures = bench.run(own, seconds)
                if number > 0:
                    results.figures.setdefault((bench.target.name, own), []).append(figures)
        if sys.stderr.isatty():
            sys.stderr.write(f"round {number} of {rounds}\n")
    for target in targets:
        results.memory_mib[target.name] = {
            role: peak_memory_mib(process_id) for role, process_id in target.process_ids.items()
        }
    return results


class Bench:
    """A target, with what is sent to it."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target = target
        self._folder = folder
        self._reads = operations.reads(target)
        if target.name != EMPTY:
            self._borrowers = operations.new_borrowers(target)
            operations.book_once(target, next(self._borrowers))

    def run(self, point: Point, seconds: float) -> RunStatistics:
        """Measures one point, for longer where the processes of the load take long to start."""
        for attempt in range(MAX_ATTEMPTS):
            with contextlib.suppress(NeverAllAtWork):
                return self._run(point, seconds * 2**attempt)
        sys.exit("the machine has too much else to do to measure on it")

    def _run(self, point: Point, seconds: float) -> RunStatistics:
        """Measures one point.

        Bookings come in turns, each with new customers: one who borrows thousands of times is none to measure with.
        """
        books = point.operation == operations.BOOK
        turns = max(1, min(MAX_TURNS, CONNECTIONS[-1] // point.connections)) if books else 1
        processes = point.connections if point.spread else 1
        seconds_of_turn = seconds / turns + processes * START_SECONDS_PER_PROCESS
        if point.operation == operations.BATCH:
            seconds_of_turn = max(seconds_of_turn, BATCH_SECONDS)
        runs = []
        serving_seconds = database_seconds = 0.0
        for _ in range(turns):
            if books:
                messages = list(itertools.islice(self._borrowers, processes))
            else:
                messages = [self._reads[point.operation].message] * processes
            loans_before = operations.count_loans(self.target) if books else 0
            serving_before, database_before = self._processor_seconds()
            run = load(
                self.target.address, self._method(point), messages, point.connections, seconds_of_turn, self._folder
            )
            serving, database = self._processor_seconds()
            serving_seconds += serving - serving_before
            database_seconds += database - database_before
            if books:
                booked = operations.count_loans(self.target) - loans_before
                # What was in flight when the time was over may have been booked, and nobody told.
                if not run.calls <= booked <= run.calls + point.connections:
                    sys.exit(f"{self.target.name}: {run.calls} bookings were answered, {booked} loans are in the book")
            elif not operations.answered_well(self._reads[point.operation], run):
                sys.exit(f"{self.target.name}: not every {point.operation} was answered as it should be")
            runs.append(run)
        whole = joined(runs)
        batch = operations.BATCH_SIZE if point.operation == operations.BATCH else 1
        return RunStatistics(
            work_per_second=whole.calls_per_second * batch,
            p50_us=whole.percentile_us(50),
            p99_us=whole.percentile_us(99),
            cpu_us=serving_seconds / (whole.calls * batch) * 1e6,
            database_cpu_us=database_seconds / (whole.calls * batch) * 1e6,
        )

    def _method(self, point: Point) -> str:
        return operations.SERVICE + (operations.CHECK if point.operation == EMPTY else point.operation)

    def _processor_seconds(self) -> tuple[float, float]:
        """Of the processes that serve calls, and of the database server."""
        return cpu_seconds(self.target.process_ids.values()), cpu_seconds(self.target.database_process_ids())
