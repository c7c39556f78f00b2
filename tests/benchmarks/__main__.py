"""Measures the service beside the bare transport, and an import beside the bare read of its file, in one run.

Needs h2load (package nghttp2-client). Every figure is the median of interleaved rounds, for machines are noisy; what to
look at is the ratios. Prints a table, and writes a picture and a JSON of all figures.
"""

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.book_import import make_book, measure_import
from benchmarks.measuring import Results, measure
from benchmarks.operations import BATCH_SIZE
from benchmarks.picture import draw
from benchmarks.targets import Target, service, transport
from support.servers import ROOT

DATABASES = ("sqlite", "postgresql")
QUICK = {"rounds": 1, "seconds": 0.5, "loans": 10_000}
WHOLE = {"rounds": 5, "seconds": 2.0, "loans": 100_000}
IMPORT_ROUNDS = 3
LOANS_A_CUSTOMER = 3


def read_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measures the service beside the transport.")
    parser.add_argument("--database", default=",".join(DATABASES), help="which databases, such as sqlite,postgresql")
    parser.add_argument("--output", type=Path, default=ROOT / ".venv" / "bench", help="folder of the picture and JSON")
    parser.add_argument("--book-size", type=Path, help="JSON of what a check costs by the size of the book, to draw")
    parser.add_argument("--quick", action="store_true", help="once and briefly, in about a minute: to try it")
    parser.add_argument("--rounds", type=int, help=f"measured rounds [{WHOLE['rounds']}]")
    parser.add_argument("--seconds", type=float, help=f"length of a run [{WHOLE['seconds']}]")
    parser.add_argument("--loans", type=int, help=f"loans of the import, 0 for none [{WHOLE['loans']}]")
    arguments = parser.parse_args()
    for name, value in (QUICK if arguments.quick else WHOLE).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    arguments.book_size = arguments.book_size or arguments.output / "book_size.json"
    arguments.databases = arguments.database.split(",")
    if not set(arguments.databases) <= set(DATABASES):
        parser.error(f"the databases are {', '.join(DATABASES)}")
    if shutil.which("h2load") is None:
        parser.error("h2load is needed; it comes with the package nghttp2-client")
    return arguments


def measure_calls(arguments: argparse.Namespace) -> tuple[Results, list[str]]:
    """Measures all targets side by side; gives the databases that were there, too."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="almeno-bench-")))
        customers, loans = make_book(folder, BATCH_SIZE, LOANS_A_CUSTOMER * BATCH_SIZE)
        book = ("--load-customers", str(customers), "--load-loans", str(loans))
        targets: list[Target] = [stack.enter_context(transport())]
        for database in arguments.databases:
            target = stack.enter_context(service(database, *book))
            if target is not None:
                targets.append(target)
        return measure(targets, arguments.rounds, arguments.seconds, folder), [each.name for each in targets[1:]]


def main() -> None:
    """Measures everything."""
    arguments = read_arguments()
    machine = report.machine()
    print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    results, databases = measure_calls(arguments)
    machine["load_average_after"] = os.getloadavg()[0]
    print(f"\n{report.table(results, databases)}\n\n{report.memory(results)}\n", flush=True)
    imports = []
    for database in databases if arguments.loans else []:
        with tempfile.TemporaryDirectory(prefix="almeno-bench-") as folder:
            rounds = min(arguments.rounds, IMPORT_ROUNDS)
            imports.append(measure_import(database, arguments.loans, rounds, Path(folder)))
            print(imports[-1].line(), flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    report.write_json(arguments.output / "bench.json", machine, results, imports)
    costs = json.loads(arguments.book_size.read_text()) if arguments.book_size.is_file() else []
    draw(arguments.output / "bench.png", results, databases, machine, costs)
    print(f"\nThe picture and the JSON are in {arguments.output}.")


if __name__ == "__main__":
    sys.exit(main())
