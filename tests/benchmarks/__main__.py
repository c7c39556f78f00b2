"""Measures all that the service promises of its speed, in one run: calls, where their time goes, imports, large books.

Calls are measured beside the bare transport, an import beside pandas and to_sql of its file. Every figure of a call is
the median of interleaved rounds, for machines are noisy; what to look at is the ratios. Prints tables, and writes a
picture and the figures as JSON. Needs h2load (package nghttp2-client).
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.book_import import make_book
from benchmarks.measuring import Results, measure
from benchmarks.operations import BATCH_SIZE
from benchmarks.picture import draw
from benchmarks.targets import PLAIN, Target, service, transport
from support.servers import ROOT

DATABASES = ("sqlite", "postgresql")
QUICK = {"rounds": 1, "seconds": 0.5, "loans": 10_000, "largest_book": 10_000}
WHOLE = {"rounds": 3, "seconds": 2.0, "loans": 100_000, "largest_book": 1_000_000}
LOANS_A_CUSTOMER = 3


def read_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measures the service beside the transport.")
    parser.add_argument("--database", default=",".join(DATABASES), help="which databases, such as sqlite,postgresql")
    parser.add_argument("--output", type=Path, default=ROOT / ".venv" / "bench", help="folder of the picture and JSON")
    parser.add_argument("--quick", action="store_true", help="once and briefly, in a few minutes: to try it")
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="CHECKOUT",
        help="another checkout, set up by its own `make`, whose calls are measured in turn with these",
    )
    parser.add_argument("--rounds", type=int, help=f"measured rounds, of calls and of imports [{WHOLE['rounds']}]")
    parser.add_argument("--seconds", type=float, help=f"length of a run [{WHOLE['seconds']}]")
    parser.add_argument("--loans", type=int, help=f"loans of the import, 0 for none [{WHOLE['loans']}]")
    parser.add_argument(
        "--largest-book",
        type=int,
        metavar="LOANS",
        help=f"loans of the largest book to check in, up to 10000000 [{WHOLE['largest_book']}]; "
        "0 draws the figures of the last time",
    )
    arguments = parser.parse_args()
    for name, value in (QUICK if arguments.quick else WHOLE).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    if not set(arguments.database.split(",")) <= set(DATABASES):
        parser.error(f"the databases are {', '.join(DATABASES)}")
    if shutil.which("h2load") is None:
        parser.error("h2load is needed; it comes with the package nghttp2-client")
    return arguments


def measure_calls(arguments: argparse.Namespace) -> tuple[Results, list[str]]:
    """Measures all targets side by side; gives those that were there beside the transport, too."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="almeno-bench-")))
        customers, loans = make_book(folder, BATCH_SIZE, LOANS_A_CUSTOMER * BATCH_SIZE)
        book = ("--load-customers", str(customers), "--load-loans", str(loans))
        targets: list[Target] = [stack.enter_context(transport())]
        kinds = arguments.database.split(",")
        if "sqlite" in kinds:
            kinds.insert(kinds.index("sqlite") + 1, PLAIN)
        for kind in kinds:
            checkouts = (None, arguments.beside) if arguments.beside and kind != PLAIN else (None,)
            for checkout in checkouts:
                target = stack.enter_context(service(kind, *book, beside=checkout))
                if target is not None:
                    targets.append(target)
        return measure(targets, arguments.rounds, arguments.seconds, folder), [each.name for each in targets[1:]]


def run(program: str, *options: object) -> None:
    """Runs another program of the benchmarks, which prints what it measures."""
    subprocess.run([sys.executable, "-m", f"benchmarks.{program}", *map(str, options)], check=True)


def read_json(file: Path) -> Any:
    """What a program has written, this time or before; nothing if it never has."""
    return json.loads(file.read_text()) if file.is_file() else []


def main() -> None:
    """Measures everything."""
    arguments = read_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    machine = report.machine()
    print(", ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    results, targets = measure_calls(arguments)
    databases = [target for target in targets if target in DATABASES]
    machine["load_average_after"] = os.getloadavg()[0]
    report.write_json(arguments.output / "bench.json", machine, results)
    print(f"\n{report.calls(results, targets)}\n\n{report.memory(results)}\n", flush=True)
    for database in databases:
        print(f"{database}:\n", flush=True)
        run("profile", "--database", database, "--seconds", arguments.seconds)
        print(flush=True)
    database, imports, sizes = (
        ",".join(databases),
        arguments.output / "imports.json",
        arguments.output / "book_size.json",
    )
    if arguments.loans:
        size = ("--loans", arguments.loans, "--customers", arguments.loans // LOANS_A_CUSTOMER)
        rounds = ("--rounds", arguments.rounds)
        run("imports", "--database", database, "--format", "xlsx,csv", *size, *rounds, "--output", imports)
        print(f"\n{report.imports(read_json(imports)['imports'])}\n", flush=True)
        run("simulation", "--database", database, *size, "--output", arguments.output / "simulation.json")
    if arguments.largest_book:
        run("book_size", "--database", database, "--most", arguments.largest_book, "--output", sizes)
    costs = read_json(sizes)
    print(f"\n{report.costs(costs)}\n", flush=True)
    draw(arguments.output / "bench.png", results, databases, machine, costs)
    print(f"The picture and the JSON are in {arguments.output}.")


if __name__ == "__main__":
    sys.exit(main())
