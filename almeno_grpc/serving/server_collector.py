"""The metrics of a server: the samples of all its processes, added up, and the supervisor's own."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from almeno_grpc.metrics import CALL_LABELS, GAUGE_FILES, HANDLED, HANDLING_SECONDS, METHOD_LABELS, STARTED

READ_TRIES = 5
"""A process that starts has a file of samples for a moment that is still empty, and cannot be read."""


# The class has no types of its own.
_untyped_collector: Any = MultiProcessCollector


class ServerCollector(Collector):
    """Adds up the samples that the processes have written, and adds the supervisor's own."""

    def __init__(self, folder: Path, supervisor: Collector) -> None:
        """Makes the collector.

        Args:
            folder: Of the files of samples.
            supervisor: Tells what the supervisor knows.
        """
        self._folder = folder
        self._supervisor = supervisor

    def collect(self) -> Iterator[Metric]:
        """Reads all samples."""
        metrics = {metric.name: metric for metric in self._of_processes()}
        calls = metrics.pop(HANDLING_SECONDS, None)
        started = metrics.pop(STARTED, None)
        if calls is not None:
            yield calls
            yield _handled_total(calls)
            yield _started_total(started, calls)
        yield from metrics.values()
        yield from self._supervisor.collect()

    def _of_processes(self) -> list[Metric]:
        for tries_left in reversed(range(READ_TRIES)):
            try:
                return list(_untyped_collector(None, path=str(self._folder)).collect())
            except Exception:
                if not tries_left:
                    raise
        return []


def forget_gauges(folder: Path, process_id: int) -> None:
    """Removes the gauges of a process that has died; its counts stay."""
    with suppress(FileNotFoundError):
        (folder / f"{GAUGE_FILES}_{process_id}.db").unlink()


def _handled_total(handling_seconds: Metric) -> Metric:
    """The number of calls, from the counts of the histogram of their durations."""
    total = CounterMetricFamily(HANDLED, "Calls that ended.", labels=CALL_LABELS)
    for sample in handling_seconds.samples:
        if sample.name == f"{HANDLING_SECONDS}_count":
            total.add_metric([sample.labels[name] for name in CALL_LABELS], sample.value)
    return total


def _started_total(started: Metric | None, handling_seconds: Metric) -> Metric:
    """The calls that began, which are sampled, and so may lag behind those that have ended by half a second."""
    counts: dict[tuple[str, ...], float] = {}
    for sample in handling_seconds.samples:
        if sample.name == f"{HANDLING_SECONDS}_count":
            labels = tuple(sample.labels[name] for name in METHOD_LABELS)
            counts[labels] = counts.get(labels, 0) + sample.value
    for sample in started.samples if started is not None else ():
        labels = tuple(sample.labels[name] for name in METHOD_LABELS)
        counts[labels] = max(counts.get(labels, 0), sample.value)
    total = CounterMetricFamily(STARTED, "Calls that began.", labels=METHOD_LABELS)
    for labels, count in counts.items():
        total.add_metric(labels, count)
    return total
