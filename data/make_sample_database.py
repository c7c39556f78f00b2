"""Makes the database that `make run` serves: the sample book, and seven months of a lender's life behind it.

The two files of this folder are loaded on a day seven months before the business date. From then on days go by: loans
of the files and new ones are repaid, late or early or not at all, through the service's own use cases, until the
business date. `sample_lives.py` says what happens. The same business date gives the same figures. The loans are booked
under the example of terms in `rules/`, as if they had always been in effect, so that fees and late charges are seen.

A database is made only where there is none: a SQLite file appears as a whole, when everything has happened, and a
database of PostgreSQL is filled only while it has no customer. A book that is there is never touched.

    python data/make_sample_database.py
"""

import heapq
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import sample_lives
from make_sample_book import LAST_APPROVAL

from almeno_grpc import bootstrap
from almeno_grpc.clock import Clock
from almeno_grpc.config import ConfigurationError, Settings, settings_from_command_line
from almeno_grpc.domain.charge import ChargeKind
from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.months import due_date
from almeno_grpc.domain.repayment import PrepaymentEffect, Repayment, RepaymentChannel, ReversalReason
from almeno_grpc.domain.terms import Terms
from almeno_grpc.domain.terms_file import parse_terms
from almeno_grpc.metrics import metrics_of_process
from almeno_grpc.service.accounts import AccountReader
from almeno_grpc.service.booking import BookingRequest, BookingService
from almeno_grpc.service.customer_changes import CustomerChangeService, CustomerUpdate, LimitRequest
from almeno_grpc.service.customers import Applicant, CustomerService
from almeno_grpc.service.idempotency import Idempotency, RequestContext
from almeno_grpc.service.loan_changes import LoanChangeService, PrepaymentRequest, ReversalRequest
from almeno_grpc.service.policies import PolicyCalendar
from almeno_grpc.service.repayments import RepaymentRequest, RepaymentService
from almeno_grpc.service.terms import TermsCalendar
from almeno_grpc.storage.engine import DatabaseUnusable, open_engine, parse_url
from almeno_grpc.storage.store import SqlStore

FOLDER = Path(__file__).parent
MONTHS = 7
"""Between the day that the files are loaded on and the business date: loans become non-performing after three."""
MAX_IMPORT_SECONDS = 120
PAGE_CUSTOMERS = 500
CONTEXT = RequestContext(method="sample book")
"""What the audit trail says of each change."""

Life = Iterator[date]
"""Something that goes on over days: it yields the day on which it goes on."""


class MovingClock(Clock):
    """A clock whose business date is moved. Instants stay those of the machine: the audit trail tells the truth."""

    def move_to(self, day: date) -> None:
        """Makes a day the business date."""
        object.__setattr__(self, "business_date", day)


@dataclass
class Lender:
    """The use cases of the service on a database, on days that go by. Amounts in paise."""

    store: SqlStore
    clock: MovingClock
    settings: Settings
    today: date
    """The day on which it ends."""
    waiting: list[Future[bytes]] = field(default_factory=list)
    lives: list[tuple[date, int, Life]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        terms = TermsCalendar([sample_terms()], self.store)
        accounts, idempotency = AccountReader(terms), Idempotency(self.store, self.clock)
        self.policies = PolicyCalendar(bootstrap.load_policies(self.settings.rules))
        self.customers = CustomerService(self.store, self.clock)
        self.customer_changes = CustomerChangeService(idempotency, self.clock)
        self.booking = BookingService(self.store, self.policies, terms, self.clock)
        self.repayments = RepaymentService(self.store, accounts, self.clock)
        self.loan_changes = LoanChangeService(self.store, idempotency, accounts, self.clock)

    def close(self) -> None:
        """Ends the threads of the use cases."""
        for service in (self.customers, self.booking, self.repayments):
            service.close()

    def begin(self, life: Life) -> None:
        """Lets a life go on to the first day that it yields, and on each day that it yields go on then."""
        day = next(life, None)
        if day is not None and day <= self.today:
            heapq.heappush(self.lives, (max(day, self.day), next(self.numbers), life))

    def live(self) -> None:
        """Lets the days go by until the last one, and ends on it."""
        while self.lives:
            self.clock.move_to(self.lives[0][0])
            while self.lives and self.lives[0][0] == self.day:
                self.begin(heapq.heappop(self.lives)[-1])
            self._finish_day()

    def _finish_day(self) -> None:
        for answer in self.waiting:
            answer.result()
        self.waiting.clear()

    @property
    def day(self) -> date:
        """The day that it is."""
        return self.clock.today()

    def register(self, first_name: str, last_name: str, age: int, monthly_income: int, phone_number: str) -> Customer:
        """Registers a customer."""
        applicant = Applicant(first_name, last_name, age, monthly_income, phone_number)
        return _result(lambda encode: self.customers.register(applicant, CONTEXT, encode).result())

    def update(self, customer_id: int, **fields: Any) -> None:
        """Changes what is given of a customer."""
        _result(lambda encode: self.customer_changes.update(CustomerUpdate(customer_id, **fields), CONTEXT, encode))

    def set_limit(self, customer_id: int, approved_limit: int | None, reason: str) -> None:
        """Sets a limit as the customer asks for it today; None for the one that follows from the income."""
        request = LimitRequest(customer_id, approved_limit, reason, self.day)
        _result(lambda encode: self.customer_changes.set_approved_limit(request, CONTEXT, encode))

    def apply(self, request: LoanRequest, *, disburse_later: bool = False) -> Loan | None:
        """Asks for a loan; None where it is declined."""
        booking = BookingRequest(request, disburse_later)
        return _result(lambda encode: self.booking.book(booking, CONTEXT, encode).result()).loan

    def disburse(self, loan: Loan) -> Loan:
        """Disburses a sanctioned loan."""
        return _result(lambda encode: self.loan_changes.disburse(loan.loan_id, None, "", CONTEXT, encode)).loan

    def cancel(self, loan: Loan) -> None:
        """Cancels a sanctioned loan, which the borrower does not want any more."""
        _result(lambda encode: self.loan_changes.cancel(loan.loan_id, "WITHDRAWN", CONTEXT, encode))

    def exit(self, loan: Loan) -> None:
        """Takes a loan back."""
        _result(lambda encode: self.loan_changes.exit(loan.loan_id, None, CONTEXT, encode))

    def repay(self, loan_id: int, amount: int) -> None:
        """Records a repayment, with others of the day."""
        request = RepaymentRequest(loan_id, amount, None, RepaymentChannel.NACH)
        self.waiting.append(self.repayments.record(request, CONTEXT, lambda _: b""))

    def debit(self, loan_id: int, amount: int, reference: str) -> Repayment:
        """Records a repayment that may be returned."""
        request = RepaymentRequest(loan_id, amount, None, RepaymentChannel.NACH, reference)
        return _result(lambda encode: self.repayments.record(request, CONTEXT, encode).result()).repayment

    def reverse(self, repayment: Repayment, return_code: str) -> None:
        """Takes a repayment back that the bank has returned."""
        request = ReversalRequest(repayment.repayment_id, ReversalReason.RETURNED, None, return_code)
        _result(lambda encode: self.loan_changes.reverse(request, CONTEXT, encode))

    def charge(self, loan_id: int, kind: ChargeKind, amount: int, reason: str) -> None:
        """Adds a charge, or waives charges."""
        _result(lambda encode: self.loan_changes.charge(loan_id, kind, amount, reason, CONTEXT, encode))

    def prepay(self, loan_id: int, amount: int, effect: PrepaymentEffect) -> None:
        """Prepays a part of a loan."""
        request = PrepaymentRequest(loan_id, amount, None, effect, channel=RepaymentChannel.TRANSFER)
        _result(lambda encode: self.loan_changes.prepay(request, CONTEXT, encode))

    def pay_off(self, loan_id: int) -> None:
        """Closes a loan."""
        self.repay(loan_id, self.repayments.payoff(loan_id, None).payoff.amount)

    def loans_of_book(self) -> Iterator[Loan]:
        """The loans that the files have brought and that are not repaid."""
        after = 0
        with self.store.read() as tx:
            while customers := tx.customers.page(after, PAGE_CUSTOMERS):
                for customer in customers:
                    loans = tx.loans.page(customer.customer_id, None, 0, PAGE_CUSTOMERS, self.day)
                    yield from (loan for loan in loans if loan.repayments_left)
                after = customers[-1].customer_id


def _result(change: Callable[[Callable[[Any], bytes]], object]) -> Any:
    """The result that a use case makes its answer from."""
    results: list[Any] = []
    change(lambda result: results.append(result) or b"")
    return results[0]


def sample_terms() -> Terms:
    """The example of terms, in effect from the first day on."""
    example = (FOLDER / "rules" / "terms" / "2026-12-example.toml").read_text(encoding="utf-8")
    text = example.replace('"2026-12-example"', '"sample"').replace("= 2026-12-01", "= 1970-01-01")
    return parse_terms(text.encode())


def load_files(store: SqlStore, settings: Settings) -> None:
    """Loads the files of this folder, as a server does at its start, and waits until they are in the book."""
    files = {"load_customers": FOLDER / "customers.xlsx", "load_loans": FOLDER / "loans.xlsx"}
    bootstrap.queue_files(replace(settings, **files))
    stop = threading.Event()
    working = threading.Thread(target=bootstrap.build_import_worker(settings, metrics_of_process()), args=(stop,))
    working.start()
    for _ in range(MAX_IMPORT_SECONDS * 20):
        with store.read() as tx:
            if tx.imports.depth() == 0 or not working.is_alive():
                break
        stop.wait(0.05)
    stop.set()
    working.join()
    with store.read() as tx:
        if tx.imports.depth():
            raise RuntimeError("the files of the sample book could not be loaded")


def fill(settings: Settings) -> None:
    """Fills a database, unless it has customers already."""
    bootstrap.prepare_database(settings)
    store = SqlStore(settings.database_url, threads=8)
    try:
        with store.read() as tx:
            if tx.customers.page(0, 1):
                return
        today = bootstrap.clock_of(settings).today()
        first_day = due_date(today, -MONTHS)
        if first_day <= LAST_APPROVAL:
            # Loans of the files have yet to be approved: they are loaded, and nothing else happens.
            first_day = today
        load_files(store, replace(settings, business_date=first_day))
        if first_day == today:
            return
        lender = Lender(store, MovingClock(first_day, settings.timezone), settings, today)
        try:
            for life in sample_lives.all_lives(lender, today):
                lender.begin(life)
            lender.live()
        finally:
            lender.close()
    finally:
        store.close()


def make(settings: Settings) -> None:
    """Makes the database of the settings, unless there is one."""
    url = parse_url(settings.database_url)
    if url.get_backend_name() != "sqlite":
        fill(settings)
        return
    file = Path(url.database or "")
    if os.path.lexists(file) or not file.parent.is_dir():
        # What is wrong with a folder, the server says.
        return
    if sys.stdout.isatty():
        print(f"Making the sample book in {file}, which takes some seconds.")
    with tempfile.TemporaryDirectory(prefix=".almeno-sample-", dir=file.parent) as folder:
        made = replace(settings, database_url=f"sqlite:///{Path(folder, 'almeno.db').absolute()}")
        fill(made)
        _checkpoint(made)
        # The name is taken first: nothing is ever put in the place of a book.
        file.touch(mode=0o600, exist_ok=False)
        Path(folder, "almeno.db").replace(file)


def _checkpoint(settings: Settings) -> None:
    """Brings all of a SQLite database into its one file."""
    engine = open_engine(parse_url(settings.database_url))
    with engine.connect() as connection:
        is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    engine.dispose()
    if is_busy:
        raise RuntimeError("the sample book is still in use")


def main() -> int:
    """Makes the database that the settings of the server name: its variables and its flags.

    Returns:
        The exit code: 0 also where there is a book already, 2 where a setting is at fault.
    """
    try:
        make(settings_from_command_line(sys.argv[1:], os.environ))
    except (ConfigurationError, DatabaseUnusable, CreditError) as error:
        sys.stderr.write(f"{Path(__file__).name}: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
