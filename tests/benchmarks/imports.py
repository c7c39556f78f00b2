"""Imports of a large book beside pandas' own reading and storing of its files, and what calls notice of them.

    PYTHONPATH=tests python -m benchmarks.imports --customers 300000 --loans 1000000

A process beside reads the file with pandas and stores it by `to_sql`, unchecked. An import takes from the moment its
upload is stored to its end, by the server's clock. In each round each file is imported twice, into new
books: once alone, as that process is; and once with calls at a steady rate, as of a service with room left, before and
meanwhile. All figures are medians of the rounds: a 99th percentile of one is that of its worst three or four calls.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.book_import import BARE_READ, MAKER
from benchmarks.calls import Caller, Latencies
from benchmarks.processes import children, peak_memory_mib
from benchmarks.targets import Target, service
from support.servers import END_STATES, ROOT

from almeno_grpc.api import import_pb2

_TO_SQL = """
import sys, pandas, sqlalchemy
engine = sqlalchemy.create_engine("sqlite:///" + sys.argv[1] + ".db")
pandas.{read}.to_sql("rows", engine, index=False, if_exists="replace")
"""
PROGRAMS = {
    "xlsx": {
        "pandas and to_sql": _TO_SQL.format(read='read_excel(sys.argv[1], engine="calamine")'),
        "calamine": BARE_READ,
    },
    "csv": {
        "pandas and to_sql": _TO_SQL.format(read="read_csv(sys.argv[1], dtype=str)"),
        "csv module": "import sys, csv; list(csv.reader(open(sys.argv[1], newline='')))",
    },
}
"""What an import is compared with: a process that stores the file unchecked in a SQLite table, and one that only reads
it. The first one gives the ratio."""
_PEAK = "\nprint(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:')))"
"""What a process says of itself at its end; the kernel's other figure counts what it was forked from."""
_UPLOADER = """
import sys
from almeno_client import CreditClient, ImportKind
with CreditClient(sys.argv[1]) as client:
    client.list_policies()
    print("ready", flush=True)
    input()
    print(client.start_import(ImportKind[sys.argv[2]], sys.argv[3]).import_id, flush=True)
    sys.stdin.read()
"""
"""A caller of its own, for the one whose calls are timed would wait for itself.

It stays until its input ends: what its own end takes of the processors is nothing of the service's.
"""
QUIET_SECONDS = 15
MAX_SECONDS = 1800


def time_program(program: str, file: Path) -> tuple[float, float]:
    """Seconds and peak memory, in MiB, of a process that reads the file, and stores it maybe."""
    started = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-c", program + _PEAK, str(file)], check=True, capture_output=True, text=True
    )
    return time.monotonic() - started, int(process.stdout) / 1024


@contextlib.contextmanager
def uploader(target: Target, kind: str, file: Path) -> Iterator[Callable[[], str]]:
    """A process that is connected, and uploads the file when told to; gives the name of the import."""
    command = [sys.executable, "-c", _UPLOADER, target.address, kind, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        sent, answered = process.stdin, process.stdout
        assert sent
        assert answered
        assert answered.readline() == "ready\n"

        def upload() -> str:
            sent.write("\n")
            sent.flush()
            return answered.readline().strip()

        yield upload


def import_file(
    target: Target, kind: str, file: Path, meanwhile: contextlib.AbstractContextManager[None] | None = None
) -> dict[str, Any]:
    """Imports a file, in a context of its own; gives rows, seconds and the peaks of memory in MiB."""
    server = target.server
    assert server
    worker = server.process_id("import")
    peaks: dict[int, float] = {}
    deadline = time.monotonic() + MAX_SECONDS
    with uploader(target, kind, file) as upload, meanwhile or contextlib.nullcontext():
        import_id = upload()
        while (ended := server.get_import(import_id)).state not in END_STATES:
            assert time.monotonic() < deadline, "the import has not ended"
            for process_id in [worker, *children(worker)]:
                with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
                    peaks[process_id] = peak_memory_mib(process_id)
            time.sleep(0.25)
    assert ended.state == import_pb2.IMPORT_STATE_SUCCEEDED, ended.error
    seconds = (ended.end_time.ToNanoseconds() - ended.create_time.ToNanoseconds()) / 1e9
    return {
        "rows": ended.rows_total,
        "import_seconds": seconds,
        "rows_per_second": ended.rows_total / seconds,
        "worker_peak_mib": peaks.pop(worker),
        "reader_peak_mib": max(peaks.values(), default=float("nan")),
    }


class FileFigures:
    """Of one file, round by round."""

    def __init__(self, database: str, file: Path) -> None:
        self._database = database
        self._file = file
        self._kind = file.stem.upper()
        self._alone: list[dict[str, Any]] = []
        self._reads: list[dict[str, tuple[float, float]]] = []
        self._busy_seconds: list[float] = []
        self._calls: list[dict[str, dict[str, float]]] = []

    def import_alone(self, target: Target) -> None:
        """Imports it between two runs of each program."""
        programs = PROGRAMS[self._file.suffix.removeprefix(".")]
        before = {reader: time_program(program, self._file) for reader, program in programs.items()}
        self._alone.append(import_file(target, self._kind, self._file))
        after = {reader: time_program(program, self._file) for reader, program in programs.items()}
        self._reads.append(
            {reader: ((before[reader][0] + after[reader][0]) / 2, after[reader][1]) for reader in programs}
        )

    def import_with_calls(self, target: Target, caller: Caller) -> None:
        """Imports it while calls come in."""
        quiet, busy = Latencies(), Latencies()
        # The files of a database that was only just made would go to the disk meanwhile.
        os.sync()
        with caller.calling(quiet):
            time.sleep(QUIET_SECONDS)
        imported = import_file(target, self._kind, self._file, caller.calling(busy))
        self._busy_seconds.append(imported["import_seconds"])
        self._calls.append({"quiet": quiet.figures(), "busy": busy.figures()})

    def summary(self) -> dict[str, Any]:
        """The figures of all rounds."""
        seconds = [each["import_seconds"] for each in self._alone]
        first_program = next(iter(self._reads[0]))
        ratios = [taken / reads[first_program][0] for taken, reads in zip(seconds, self._reads, strict=True)]
        rows = self._alone[0]["rows"]
        return {
            "database": self._database,
            "file": self._file.name,
            "ratio": statistics.median(ratios),
            "ratios": ratios,
            "programs": {
                reader: {
                    "seconds": statistics.median(reads[reader][0] for reads in self._reads),
                    "peak_mib": max(reads[reader][1] for reads in self._reads),
                }
                for reader in self._reads[0]
            },
            "rows": rows,
            "import_seconds": statistics.median(seconds),
            "rows_per_second": rows / statistics.median(seconds),
            "worker_peak_mib": max(each["worker_peak_mib"] for each in self._alone),
            "reader_peak_mib": max(each["reader_peak_mib"] for each in self._alone),
            "busy_import_seconds": statistics.median(self._busy_seconds),
            "quiet": _medians([each["quiet"] for each in self._calls]),
            "busy": _medians([each["busy"] for each in self._calls]),
            "calls_by_round": self._calls,
        }


def _medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def measure(database: str, file_format: str, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """The figures of a customer file and of its loan file, imported into empty books."""
    files = [FileFigures(database, folder / f"{name}.{file_format}") for name in ("customers", "loans")]
    for _ in range(rounds):
        with service(database) as target:
            if target is None:
                return []
            for file in files:
                file.import_alone(target)
        with service(database) as target:
            assert target
            caller = Caller(target)
            for file in files:
                file.import_with_calls(target, caller)
    return [file.summary() for file in files]


def line(figures: dict[str, Any]) -> str:
    """The figures for people."""
    reads = ", ".join(
        f"{reader} {read['seconds']:.1f} s and {read['peak_mib']:.0f} MiB"
        for reader, read in figures["programs"].items()
    )
    p99s = ", ".join(
        f"{name} {figures['quiet'][f'{name}_p99_ms']:.1f} → {figures['busy'][f'{name}_p99_ms']:.1f} ms"
        for name in ("check", "book", "both")
    )
    return (
        f"{figures['database']}, {figures['file']}: {figures['rows']:,} rows in {figures['import_seconds']:.1f} s, "
        f"{figures['rows_per_second']:,.0f} rows/s, {figures['ratio']:.2f} ({report.spread(figures['ratios'])}) × "
        f"pandas and to_sql ({reads}); "
        f"reader {figures['reader_peak_mib']:.0f} MiB, worker {figures['worker_peak_mib']:.0f} MiB; "
        f"with calls {figures['busy_import_seconds']:.1f} s; p99 {p99s}"
    )


def main() -> None:
    """Measures each database and format."""
    parser = argparse.ArgumentParser(prog="benchmarks.imports", description="Imports of a large book.")
    parser.add_argument("--database", default="sqlite", help="which databases, such as sqlite,postgresql [sqlite]")
    parser.add_argument("--format", default="xlsx,csv", help="which files [xlsx,csv]")
    parser.add_argument("--customers", type=int, default=300_000, help="rows of the customer file [300000]")
    parser.add_argument("--loans", type=int, default=1_000_000, help="rows of the loan file [1000000]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each file is imported [3]")
    parser.add_argument("--output", type=Path, default=ROOT / ".venv" / "bench" / "imports.json", help="the JSON")
    arguments = parser.parse_args()
    figures = []
    with tempfile.TemporaryDirectory(prefix="almeno-bench-") as folder:
        for file_format in arguments.format.split(","):
            book = ("--customers", str(arguments.customers), "--loans", str(arguments.loans), "--format", file_format)
            subprocess.run([sys.executable, str(MAKER), "--folder", folder, *book], check=True)
            for database in arguments.database.split(","):
                for each in measure(database, file_format, Path(folder), arguments.rounds):
                    print(line(each), flush=True)
                    figures.append(each)
    machine = {**report.machine(), "load_average_after": os.getloadavg()[0]}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps({"machine": machine, "imports": figures}, indent=2) + "\n", encoding="utf-8")
    print(f"The JSON is {arguments.output}.")


if __name__ == "__main__":
    sys.exit(main())
