"""A process that works on a book, for tests in which several do: gets ready, waits for a line, works, tells.

python book_process.py <database URL> <command> <options as JSON>
"""

import contextlib
import itertools
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from almeno_grpc.bootstrap import load_policies, load_terms
from almeno_grpc.clock import Clock
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.imports.sandbox.messages import ReadingLimits
from almeno_grpc.imports.worker import ImportWorker
from almeno_grpc.metrics import NoMetrics
from almeno_grpc.service.accounts import AccountReader
from almeno_grpc.service.booking import BookingRequest, BookingService
from almeno_grpc.service.customers import Applicant, CustomerService
from almeno_grpc.service.idempotency import Idempotency, RequestContext
from almeno_grpc.service.policies import PolicyCalendar
from almeno_grpc.service.repayments import RepaymentRequest, RepaymentService
from almeno_grpc.service.terms import TermsCalendar
from almeno_grpc.storage.store import SqlStore


def get_ready() -> None:
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()


def lend(store: SqlStore, clock: Clock, options: dict) -> list[bool]:
    """Asks for the same loan on many threads at once; tells which were approved."""
    booking = BookingService(store, PolicyCalendar(load_policies()), TermsCalendar(load_terms(), store), clock)
    request = LoanRequest(options["customer_id"], options["amount"], Decimal(options["rate"]), options["months"])
    barrier = threading.Barrier(options["threads"])

    def ask() -> bool:
        barrier.wait()
        return bool(
            booking.book(
                BookingRequest(request), RequestContext(), lambda booked: b"loan" if booked.loan else b""
            ).result()
        )

    with ThreadPoolExecutor(options["threads"]) as pool:
        asked = [pool.submit(ask) for _ in range(options["threads"] - 1)]
        get_ready()
        asked.append(pool.submit(ask))
        return [call.result() for call in asked]


def register(store: SqlStore, clock: Clock, options: dict) -> list[int]:
    """Registers customers one after the other for so long; prints their ids."""
    customers, ids = CustomerService(store, clock), []
    get_ready()
    end = time.monotonic() + options["seconds"]
    while time.monotonic() < end:
        phone_number = f"+91{options['first_phone_number'] + len(ids)}"
        applicant = Applicant("Asha", "Rao", 30, 5_000_000, phone_number)
        answer = customers.register(applicant, RequestContext(), lambda customer: b"%d" % customer.customer_id)
        ids.append(int(answer.result()))
    return ids


def write(store: SqlStore, clock: Clock, options: dict) -> None:
    """Registers customers, lends to them and records what they repay, on many threads at once for so long."""
    terms = TermsCalendar(load_terms(), store)
    customers = CustomerService(store, clock)
    booking = BookingService(store, PolicyCalendar(load_policies()), terms, clock)
    repayments = RepaymentService(store, AccountReader(terms), clock)
    numbers = itertools.count(options["first_phone_number"])
    get_ready()
    end = time.monotonic() + options["seconds"]

    def register() -> int:
        applicant = Applicant("Asha", "Rao", 30, 5_000_000, f"+91{next(numbers)}")
        answer = customers.register(applicant, RequestContext(), lambda customer: b"%d" % customer.customer_id)
        return int(answer.result())

    def borrow(customer_id: int) -> int:
        request = BookingRequest(LoanRequest(customer_id, 10_000_000, Decimal(12), 12))
        answer = booking.book(request, RequestContext(), lambda booked: b"%d" % booked.loan.loan_id)
        return int(answer.result())

    def work() -> None:
        while time.monotonic() < end:
            # What is lost on the way, as with a connection, is not tried again.
            with contextlib.suppress(CreditError):
                request = RepaymentRequest(borrow(register()), 10_000, None)
                repayments.record(request, RequestContext(), lambda _: b"").result()

    with ThreadPoolExecutor(options["threads"]) as pool:
        for working in [pool.submit(work) for _ in range(options["threads"])]:
            working.result()


def repeat(store: SqlStore, clock: Clock, options: dict) -> str:
    """Sends a request that may have been answered; tells the answer."""
    get_ready()
    context = RequestContext(request_id=options["request_id"], fingerprint=options["fingerprint"])
    return Idempotency(store, clock).execute(context, lambda _: options["answer"], str.encode).decode()


def lock(store: SqlStore, _clock: Clock, options: dict) -> bool:
    """Tries to get a named lock, prints at once whether it has it, and releases it after the next line."""
    get_ready()
    with store.try_lock(options["name"]) as lock:
        print(json.dumps(lock.is_held()), flush=True)  # noqa: T201
        sys.stdin.readline()
        return lock.is_held()


def work_on_imports(store: SqlStore, clock: Clock, options: dict) -> None:
    """Works on imports until it is killed."""
    get_ready()
    ImportWorker(store, clock, NoMetrics(), ReadingLimits(), options["batch_rows"]).run(threading.Event())


COMMANDS = {"lend": lend, "register": register, "write": write, "repeat": repeat, "lock": lock, "work": work_on_imports}

if __name__ == "__main__":
    url, command, raw_options = sys.argv[1:]
    book = SqlStore(url, threads=40)
    told = COMMANDS[command](book, Clock(date(2026, 4, 10), ZoneInfo("Asia/Kolkata")), json.loads(raw_options))
    print(json.dumps(told), flush=True)  # noqa: T201
    book.close()
