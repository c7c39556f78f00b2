"""Calls at a steady rate, as of a service with room left, while something else goes on."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from benchmarks import operations
from benchmarks.targets import Target

from almeno_grpc.api import credit_service_pb2 as api

CHECKS_PER_SECOND = 100
BOOKINGS_PER_SECOND = 50
BORROWERS = 100
"""Customers whom the calls are about."""


@dataclass
class Latencies:
    """Of calls, in milliseconds."""

    check: list[float] = field(default_factory=list)
    book: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """The median and the 99th percentile of each, and of both together, as they come."""
        kinds = {"check": self.check, "book": self.book, "both": [*self.check, *self.book]}
        return {
            f"{name}_p{percent}_ms": _percentile(latencies, percent)
            for name, latencies in kinds.items()
            for percent in (50, 99)
        }


class Caller:
    """Checks and bookings at a steady rate, from one connection: the process at its other end is the same each time."""

    def __init__(self, target: Target) -> None:
        """Registers the customers whom the calls are about, and makes the first calls, which take longer."""
        assert target.server
        self._credit = target.server.connect().credit
        # They take turns: the loans of one would become so many that a check has to add up thousands.
        loans = itertools.islice(operations.new_borrowers(target), BORROWERS)
        requests = [api.CreateLoanRequest.FromString(loan) for loan in loans]
        self._to_check, self._to_book = itertools.cycle(map(_check, requests)), itertools.cycle(requests)
        for _ in requests:
            self._check()
            self._book()

    @contextlib.contextmanager
    def calling(self, latencies: Latencies) -> Iterator[None]:
        """Calls in the background while the block lasts; adds their latencies."""
        stop = threading.Event()
        with ThreadPoolExecutor(2) as pool:
            paces = [
                pool.submit(_call, self._check, CHECKS_PER_SECOND, stop, latencies.check),
                pool.submit(_call, self._book, BOOKINGS_PER_SECOND, stop, latencies.book),
            ]
            try:
                yield
            finally:
                stop.set()
            for pace in paces:
                pace.result()

    def _check(self) -> None:
        self._credit.CheckEligibility(next(self._to_check))

    def _book(self) -> None:
        self._credit.CreateLoan(next(self._to_book))


def _check(loan: api.CreateLoanRequest) -> api.CheckEligibilityRequest:
    return api.CheckEligibilityRequest(
        customer_id=loan.customer_id,
        loan_amount=loan.loan_amount,
        interest_rate=loan.interest_rate,
        tenure_months=loan.tenure_months,
    )


def _call(call: Callable[[], object], per_second: int, stop: threading.Event, latencies: list[float]) -> None:
    """Calls at a rate. A call that is late because the one before it took long counts from when it was to come."""
    started = time.perf_counter()
    for number in itertools.count():
        due = started + number / per_second
        if stop.wait(max(0.0, due - time.perf_counter())):
            return
        call()
        latencies.append((time.perf_counter() - due) * 1000)


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)] if values else float("nan")
