"""Where the microseconds of a check go: each part by itself, beside what a call costs the server in all.

    PYTHONPATH=tests python -m benchmarks.profile

The parts run in this process, warm, one after the other, as they do for a CheckEligibility; they are measured in
processor time. What a call takes in the server beyond them is gRPC, the kernel and the switching between threads, which
the empty RPC shows for its own part. Needs h2load for the server.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import grpc
from benchmarks.book_import import make_book
from benchmarks.book_size import FEW, TODAY, GrowingBook, empty_book
from benchmarks.load import load
from benchmarks.operations import BATCH_SIZE, CHECK, SERVICE, reads
from benchmarks.processes import cpu_seconds
from benchmarks.targets import EMPTY, Target, service, transport

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.bootstrap import load_policies
from almeno_grpc.clock import Clock
from almeno_grpc.domain.decision import Decision, decide
from almeno_grpc.metrics import PrometheusMetrics
from almeno_grpc.rpc import requests
from almeno_grpc.rpc.conversion.decisions import encoded_check
from almeno_grpc.rpc.credit_servicer import CreditServicer, CreditServices
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.runtime.admission import AdmissionInterceptor
from almeno_grpc.rpc.runtime.executors import CallExecutor
from almeno_grpc.rpc.runtime.limits import CallLimits
from almeno_grpc.service.checks import CheckService
from almeno_grpc.service.policies import PolicyCalendar
from almeno_grpc.storage.store import SqlStore

BLOCKS, BLOCK_CALLS = 20, 500
"""A figure is the median of so many blocks of so many calls."""
CUSTOMERS = 500
CONNECTIONS = 64
LIMITS = CallLimits(max_concurrent_calls=1000, max_message_bytes=4 << 20, slow_call_milliseconds=10**9)
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with which figures are counted into files, as the server does."""


@dataclass(frozen=True)
class Part:
    """A part of a call.

    Attributes:
        name: What it does.
        cpu_us: Processor time of one run of it, in microseconds.
    """

    name: str
    cpu_us: float


def measured(work: Callable[[Any], object], arguments: Sequence[Any]) -> float:
    """The microseconds of a run of the work, over arguments that it is given in turn."""
    rounds = [arguments[number % len(arguments)] for number in range(BLOCK_CALLS)]
    figures = []
    for _ in range(BLOCKS + 1):
        started = time.process_time()
        for argument in rounds:
            work(argument)
        figures.append((time.process_time() - started) / BLOCK_CALLS * 1e6)
    return statistics.median(figures[1:])


def parts(store: SqlStore, customer_ids: Sequence[int]) -> list[Part]:
    """Measures the parts of a check, by different customers."""
    policies, clock, metrics = load_policies(), Clock(TODAY, ZoneInfo("Asia/Kolkata")), PrometheusMetrics()
    checks = CheckService(store, PolicyCalendar(policies), clock)
    messages = [
        pb.CheckEligibilityRequest(
            customer_id=customer_id,
            loan_amount={"currency_code": "INR", "units": 200_000},
            interest_rate={"value": "10.5"},
            tenure_months=36,
        )
        for customer_id in customer_ids
    ]
    serialized = [message.SerializeToString() for message in messages]
    outcomes = checks.check_all([requests.loan_request(FieldReader(), message) for message in messages])
    decisions = [outcome for outcome in outcomes if isinstance(outcome, Decision)]

    def check_fields(message: Any) -> None:
        fields = FieldReader()
        requests.loan_request(fields, message)
        fields.raise_if_invalid()

    def count(decision: Decision) -> None:
        metrics.decision("check", decision.reasons)

    def encode(decision: Decision) -> bytes:
        return encoded_check(decision)

    figures = {
        "request decoded": measured(pb.CheckEligibilityRequest.FromString, serialized),
        "fields checked": measured(check_fields, messages),
        "position read": measured(lambda customer_id: store.borrowers([customer_id], TODAY), customer_ids),
        "decided": measured(lambda each: decide(each.request, each.borrower, policies[0], TODAY), decisions),
        "decision counted": measured(count, decisions),
        "answer made and encoded": measured(encode, decisions),
    }
    with contextlib.closing(AdmissionInterceptor(threads=4, limits=LIMITS, metrics=metrics)) as admission:
        whole = measured(_chain(admission, checks, metrics), serialized)
    handed_over = _handed_over()
    around = whole - sum(figures.values())
    return [
        *(Part(name, cpu_us) for name, cpu_us in figures.items()),
        Part("deadline, errors, metrics and log", around),
        Part("handed to a thread", handed_over),
    ]


class _Call:
    """A call that has arrived with its request, whose answer goes nowhere."""

    def __init__(self, request: bytes) -> None:
        self.context: Any = _Context()
        self.request = request

    def answer(self, response: bytes) -> None:
        """Takes the answer."""

    def reject(self, status: grpc.Status) -> None:
        """Is not expected."""
        raise AssertionError(status)


class _Context:
    """A caller who is there and waits."""

    def is_active(self) -> bool:
        return True

    def time_remaining(self) -> float:
        return 10.0


def _chain(
    admission: AdmissionInterceptor, checks: CheckService, metrics: PrometheusMetrics
) -> Callable[[bytes], object]:
    """CheckEligibility from bytes to bytes, as a batch of one, on this thread."""
    unused: Any = None
    in_place: Any = SimpleNamespace(check=lambda request, encode: encode(checks.check_all([request])[0]))
    services = CreditServices(unused, unused, in_place, unused, unused, unused, unused)
    handler = grpc.unary_unary_rpc_method_handler(
        CreditServicer(services, unused, metrics).CheckEligibility,
        request_deserializer=pb.CheckEligibilityRequest.FromString,
        response_serializer=pb.CheckEligibilityResponse.SerializeToString,
    )
    answer: Any = admission.route(SERVICE + CHECK, handler).answer
    return lambda message: answer(_Call(message))


def _handed_over() -> float:
    """What it costs to have a call run on a thread, in microseconds."""
    figures = []
    executor = CallExecutor(4, "call")
    for _ in range(BLOCKS):
        started = time.process_time()
        for _ in range(BLOCK_CALLS - 1):
            executor.run(int)
        last = threading.Event()
        executor.run(last.set)
        last.wait()
        figures.append((time.process_time() - started) / BLOCK_CALLS * 1e6)
    executor.shutdown()
    return statistics.median(figures)


def call_cpu_us(target: Target, seconds: float, folder: Path) -> float:
    """The processor time of the processes that serve, a call, in microseconds."""
    message = reads(target)[EMPTY if target.name == EMPTY else CHECK].message
    load(target.address, SERVICE + CHECK, [message], CONNECTIONS, seconds, folder)
    before = cpu_seconds(target.process_ids.values())
    run = load(target.address, SERVICE + CHECK, [message], CONNECTIONS, seconds, folder)
    return (cpu_seconds(target.process_ids.values()) - before) / run.calls * 1e6


def table(measured_parts: Sequence[Part], empty_cpu_us: float, check_cpu_us: float) -> str:
    """The parts and what they add up to, in Markdown."""
    known = sum(part.cpu_us for part in measured_parts)
    rows = [
        *measured_parts,
        Part("these together", known),
        Part(f"an empty RPC in the server, {CONNECTIONS} connections", empty_cpu_us),
        Part(f"a check in the server, {CONNECTIONS} connections", check_cpu_us),
        Part("beyond the empty RPC and the parts", check_cpu_us - empty_cpu_us - known),
    ]
    lines = [f"| {part.name} | {part.cpu_us:.1f} |" for part in rows]
    return "\n".join(["| a check, in parts | CPU µs |", "|---|---:|", *lines])


def main() -> None:
    """Measures the parts and the server, and prints the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.profile", description="Where the microseconds of a check go.")
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgresql"), help="[sqlite]")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a run against the server [2]")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="almeno-bench-")))
        if METRICS_FOLDER not in os.environ:
            # It is looked at when prometheus_client is imported, which has happened here.
            environment = {**os.environ, METRICS_FOLDER: str(folder)}
            command = [sys.executable, "-m", "benchmarks.profile", *sys.argv[1:]]
            sys.exit(subprocess.run(command, env=environment, check=False).returncode)
        with empty_book(arguments.database) as store:
            book = GrowingBook(store)
            book.grow(FEW * 2 * CUSTOMERS)
            measured_parts = parts(store, book.customers_with(FEW, CUSTOMERS))
        book_files = map(str, make_book(folder, BATCH_SIZE, FEW * BATCH_SIZE))
        options = [part for pair in zip(("--load-customers", "--load-loans"), book_files, strict=True) for part in pair]
        empty = stack.enter_context(transport())
        served = stack.enter_context(service(arguments.database, *options))
        if served is None:
            sys.exit(f"the service does not run on {arguments.database} here")
        empty_cpu_us, check_cpu_us = (call_cpu_us(target, arguments.seconds, folder) for target in (empty, served))
    print(table(measured_parts, empty_cpu_us, check_cpu_us))


if __name__ == "__main__":
    main()
