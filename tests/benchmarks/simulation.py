"""A simulation over a large book beside batches of checks, and what checks notice of it.

    PYTHONPATH=tests python -m benchmarks.simulation --customers 300000 --loans 900000

One process serves all of it, so that the rates are of one processor: a simulation and a summary of the book are the
work of one thread, and a caller sends one batch after the other. A customer of a simulation is decided twice, under
either policy. Checks come at a steady rate, as of a service with room left, first alone and then during a simulation.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import operations, report
from benchmarks.book_import import make_book
from benchmarks.calls import Caller, Latencies
from benchmarks.processes import cpu_seconds
from benchmarks.targets import Target, service
from support.servers import ROOT

from almeno_grpc.api import credit_service_pb2 as api
from almeno_grpc.api import portfolio_service_pb2 as portfolio
from almeno_grpc.bootstrap import load_policies

BATCHES = 20
QUIET_SECONDS = 10
SECONDS = 600
TERMS = {"loan_amount": {"units": 500_000}, "interest_rate": {"value": "10.5"}, "tenure_months": 36}


def draft() -> str:
    """The newest policy with a smaller share of the income for instalments."""
    policy = max(load_policies(), key=lambda policy: policy.effective_date).toml
    changed = policy.replace('max_emi_share_of_income = "0.50"', 'max_emi_share_of_income = "0.40"')
    assert changed != policy
    return changed


class Clocks:
    """Times a block: seconds, and processor time of the serving process and the database."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def __enter__(self) -> "Clocks":
        self._began = time.perf_counter(), self._cpu()
        return self

    def __exit__(self, *_: object) -> None:
        seconds, (serving, database) = self._began
        self.seconds = time.perf_counter() - seconds
        serving_now, database_now = self._cpu()
        self.cpu_seconds, self.database_cpu_seconds = serving_now - serving, database_now - database

    def _cpu(self) -> tuple[float, float]:
        return cpu_seconds(self._target.process_ids.values()), cpu_seconds(self._target.database_process_ids())

    def of(self, decisions: int) -> dict[str, float]:
        """The figures, by decision."""
        return {
            "seconds": self.seconds,
            "decisions": decisions,
            "decisions_per_second": decisions / self.seconds,
            "cpu_us": self.cpu_seconds / decisions * 1e6,
            "database_cpu_us": self.database_cpu_seconds / decisions * 1e6,
        }


def batches(target: Target) -> list[api.BatchCheckEligibilityRequest]:
    """Batches of the customers of the book, from its beginning."""
    assert target.server
    credit, token, found = target.server.credit, "", []
    while len(found) < BATCHES and (token or not found):
        listed = api.ListCustomersRequest(page_size=operations.BATCH_SIZE, page_token=token)
        page = credit.ListCustomers(listed, timeout=SECONDS)
        token = page.next_page_token
        checks = [api.CheckEligibilityRequest(customer_id=each.customer_id, **TERMS) for each in page.customers]
        found.append(api.BatchCheckEligibilityRequest(requests=checks))
    return found


def measure_batches(target: Target) -> dict[str, float]:
    """One batch after the other."""
    assert target.server
    asked = batches(target)
    target.server.credit.BatchCheckEligibility(asked[0], timeout=SECONDS)
    with Clocks(target) as clocks:
        for batch in asked:
            target.server.credit.BatchCheckEligibility(batch, timeout=SECONDS)
    return clocks.of(sum(len(batch.requests) for batch in asked))


def measure_simulation(target: Target) -> dict[str, Any]:
    """A draft against the policy in effect."""
    assert target.server
    request = portfolio.SimulatePolicyRequest(policy=draft(), **TERMS)
    first_flip_seconds = summary = None
    with Clocks(target) as clocks:
        started = time.perf_counter()
        for answer in target.server.portfolio.SimulatePolicy(request, timeout=SECONDS):
            if answer.HasField("summary"):
                summary, first_flip_seconds = answer.summary, time.perf_counter() - started
    assert summary is not None
    flips = summary.newly_approved + summary.newly_declined
    of_customers = {"customers": summary.customers, "flips": flips, "summary_seconds": first_flip_seconds}
    return of_customers | clocks.of(2 * summary.customers)


def measure_summary(target: Target) -> dict[str, float]:
    """The book in figures; a decision stands for a customer."""
    assert target.server
    with Clocks(target) as clocks:
        *_, last = target.server.portfolio.SummarizePortfolio(portfolio.SummarizePortfolioRequest(), timeout=SECONDS)
    return {"loans": last.summary.loans, **clocks.of(last.summary.customers)}


def measure(target: Target) -> dict[str, Any]:
    """Everything on one book."""
    caller = Caller(target)
    quiet, busy = Latencies(), Latencies()
    figures: dict[str, Any] = {
        "database": target.name,
        "batch": measure_batches(target),
        "simulation": measure_simulation(target),
        "summary": measure_summary(target),
    }
    with caller.calling(quiet):
        time.sleep(QUIET_SECONDS)
    with caller.calling(busy):
        figures["simulation_beside_calls"] = measure_simulation(target)
    return figures | {"quiet": quiet.figures(), "busy": busy.figures()}


def lines(figures: dict[str, Any]) -> Iterator[str]:
    """The figures for people."""
    database, simulation, summary = figures["database"], figures["simulation"], figures["summary"]
    for name in ("batch", "simulation", "simulation_beside_calls"):
        each = figures[name]
        yield (
            f"{database}, {name.replace('_', ' ')}: {each['decisions']:,} decisions in {each['seconds']:.1f} s, "
            f"{each['decisions_per_second']:,.0f} a second, {each['cpu_us']:.1f} µs of CPU each"
            f" and {each['database_cpu_us']:.1f} of the database's"
        )
    yield f"{database}, simulation: {simulation['customers']:,} customers, {simulation['flips']:,} flips"
    of_book = f"{summary['decisions']:,} customers and {summary['loans']:,} loans"
    yield f"{database}, summary of {of_book}: {summary['seconds']:.1f} s, {summary['cpu_us']:.1f} µs of CPU a customer"
    quiet, busy = figures["quiet"], figures["busy"]
    for name in (f"{call}_p{percent}_ms" for call in ("check", "book") for percent in (50, 99)):
        yield f"{database}, {name}, alone and during a simulation: {quiet[name]:.1f} and {busy[name]:.1f}"


def main() -> None:
    """Measures each database."""
    parser = argparse.ArgumentParser(prog="benchmarks.simulation", description="A simulation over a large book.")
    parser.add_argument("--database", default="sqlite,postgresql", help="which databases [sqlite,postgresql]")
    parser.add_argument("--customers", type=int, default=300_000, help="customers of the book [300000]")
    parser.add_argument("--loans", type=int, default=900_000, help="loans of the book [900000]")
    parser.add_argument("--output", type=Path, default=ROOT / ".venv" / "bench" / "simulation.json", help="the JSON")
    arguments = parser.parse_args()
    measured = []
    with tempfile.TemporaryDirectory(prefix="almeno-bench-") as folder:
        customers, loans = make_book(Path(folder), arguments.customers, arguments.loans)
        book = ("--load-customers", str(customers), "--load-loans", str(loans))
        for database in arguments.database.split(","):
            with service(database, *book, workers=1) as target:
                if target is not None:
                    measured.append(measure(target))
                    print("\n".join(lines(measured[-1])), flush=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": report.machine(), "simulations": measured}
    arguments.output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"The JSON is {arguments.output}.")


if __name__ == "__main__":
    sys.exit(main())
