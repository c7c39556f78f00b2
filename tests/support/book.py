"""A book in a database with the use cases on it, and rows for it, as the integration tests want them."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from almeno_grpc.bootstrap import load_policies, load_terms
from almeno_grpc.clock import Clock
from almeno_grpc.domain.charge import ChargeKind
from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.decision import Decision, LoanRequest
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.domain.imports import (
    CustomerRow,
    CustomerRows,
    ImportFile,
    ImportKind,
    LoanRow,
    LoanRows,
    RowCounts,
    RowIssue,
)
from almeno_grpc.domain.money import round_half_up
from almeno_grpc.domain.names import name_key
from almeno_grpc.domain.repayment import PrepaymentEffect, ReversalReason
from almeno_grpc.imports.sandbox.messages import ReadingLimits, RowBatch
from almeno_grpc.imports.upsert import reserve_loan_ids, upsert_batch
from almeno_grpc.imports.worker import ImportWorker
from almeno_grpc.metrics import NoMetrics
from almeno_grpc.service.accounts import AccountReader
from almeno_grpc.service.booking import Booking, BookingRequest, BookingService
from almeno_grpc.service.checks import CheckService
from almeno_grpc.service.customer_changes import CustomerChangeService, CustomerUpdate, LimitRequest
from almeno_grpc.service.customers import Applicant, CustomerService
from almeno_grpc.service.idempotency import Idempotency, RequestContext
from almeno_grpc.service.imports import ImportService, Upload
from almeno_grpc.service.loan_changes import Charged, LoanChangeService, Prepaid, PrepaymentRequest, ReversalRequest
from almeno_grpc.service.policies import PolicyCalendar
from almeno_grpc.service.repayments import Recorded, RepaymentRequest, RepaymentService
from almeno_grpc.service.statements import StatementService
from almeno_grpc.service.terms import TermsCalendar
from almeno_grpc.storage.store import SqlStore
from almeno_grpc.storage.tables import metadata

TODAY = date(2026, 4, 10)
INDIA = ZoneInfo("Asia/Kolkata")
RUPEE = 100
LAKH = 100_000 * RUPEE

_phone_numbers = iter(range(9_100_000_001, 9_999_999_999))


@dataclass
class Book:
    """The use cases on a store, in the words of a test. Amounts in paise."""

    store: SqlStore
    clock: Clock
    checks: CheckService = field(init=False)
    customers: CustomerService = field(init=False)
    terms: TermsCalendar = field(init=False)
    customer_changes: CustomerChangeService = field(init=False)
    booking: BookingService = field(init=False)
    repayments: RepaymentService = field(init=False)
    loan_changes: LoanChangeService = field(init=False)
    statements: StatementService = field(init=False)
    imports: ImportService = field(init=False)
    now: Callable[[], int] = field(default=lambda: 1, kw_only=True)
    """The time of imports, in microseconds since the epoch: for most tests any will do."""
    rules: Path | None = field(default=None, kw_only=True)
    """A lender's folder with terms of its own."""

    def __post_init__(self) -> None:
        policies = PolicyCalendar(load_policies())
        self.checks = CheckService(self.store, policies, self.clock)
        self.customers = CustomerService(self.store, self.clock)
        self.customer_changes = CustomerChangeService(Idempotency(self.store, self.clock), self.clock)
        self.terms = TermsCalendar(load_terms(self.rules), self.store)
        self.booking = BookingService(self.store, policies, self.terms, self.clock)
        accounts = AccountReader(self.terms)
        self.repayments = RepaymentService(self.store, accounts, self.clock)
        self.loan_changes = LoanChangeService(self.store, Idempotency(self.store, self.clock), accounts, self.clock)
        self.statements = StatementService(self.store, accounts, self.clock)
        self.imports = ImportService(self.store, self.clock)

    def register(self, monthly_income: int = 50_000 * RUPEE, phone_number: str = "") -> Customer:
        applicant = Applicant("Asha", "Rao", 30, monthly_income, phone_number or f"+91{next(_phone_numbers)}")
        registered: list[Customer] = []
        self.customers.register(applicant, RequestContext(), lambda _: b"", registered.append).result()
        return registered[0]

    def update(self, customer_id: int, context: RequestContext = RequestContext(), **fields) -> Customer:  # noqa: B008 - frozen
        changed: list[Customer] = []
        update = CustomerUpdate(customer_id, **fields)
        self.customer_changes.update(update, context, lambda customer: changed.append(customer) or b"")
        return changed[-1]

    def set_limit(self, customer_id: int, approved_limit: int | None, asked_on: date | None = TODAY) -> Customer:
        """Sets a limit; None for the one that follows from the income."""
        changed: list[Customer] = []
        request = LimitRequest(customer_id, approved_limit, "Asked for at the branch", asked_on)
        self.customer_changes.set_approved_limit(
            request, RequestContext(), lambda customer: changed.append(customer) or b""
        )
        return changed[-1]

    def found(self, prefix: str, after: int = 0, count: int = 1000) -> list[int]:
        """The customers whose name begins with a text."""
        return [each.customer_id for each in self.customers.page_found_by_name(name_key(prefix), after, count)]

    def check(self, request: LoanRequest) -> Decision:
        [outcome] = self.checks.check_all([request])
        if isinstance(outcome, CreditError):
            raise outcome
        return outcome

    def lend(self, customer_id: int, amount: int, rate: str = "12", months: int = 12, request_id: str = "") -> Booking:
        """Books a loan as CreateLoan does, with a request_id or without."""
        request = LoanRequest(customer_id, amount, Decimal(rate), months)
        return self.book(request, request_id)

    def book(self, request: LoanRequest, request_id: str = "", *, disburse_later: bool = False) -> Booking:
        """Books a loan under terms of all kinds; not for a request_id that was used before."""
        context = RequestContext(request_id=request_id, fingerprint=hashlib.sha256(f"{request}".encode()).hexdigest())
        booked: list[Booking] = []
        self.booking.book(BookingRequest(request, disburse_later), context, lambda _: b"booked", booked.append).result()
        return booked[0]

    def repay(self, loan_id: int, amount: int, on: date | None = None, **more) -> Recorded:
        recorded: list[Recorded] = []
        request = RepaymentRequest(loan_id, amount, on, **more)
        self.repayments.record(request, RequestContext(), lambda _: b"", recorded.append).result()
        return recorded[0]

    def change(self, change: Callable[..., bytes], *what: object, context: RequestContext = RequestContext()) -> Any:  # noqa: B008 - frozen
        """Does what a method of `loan_changes` does, and gives its result."""
        results: list[Any] = []
        change(*what, context, lambda result: results.append(result) or b"")
        return results[-1]

    def reverse(self, repayment_id: str, on: date | None = None) -> Recorded:
        request = ReversalRequest(repayment_id, ReversalReason.RETURNED, on, "R01")
        return self.change(self.loan_changes.reverse, request)

    def prepay(self, loan_id: int, amount: int, effect: PrepaymentEffect, on: date | None = None, **more) -> Prepaid:
        return self.change(self.loan_changes.prepay, PrepaymentRequest(loan_id, amount, on, effect, **more))

    def charge(self, loan_id: int, amount: int, kind: ChargeKind = ChargeKind.BOUNCE) -> Charged:
        return self.change(self.loan_changes.charge, loan_id, kind, amount, "as agreed")

    def close(self) -> None:
        """Ends the threads of the use cases."""
        for service in (self.checks, self.customers, self.booking, self.repayments):
            service.close()

    def queue(self, kind: ImportKind, content: bytes, file_name: str = "book.csv", **header) -> ImportFile:
        upload = Upload(
            kind,
            file_name,
            header.get("book_date"),
            header.get("size_bytes", len(content)),
            header.get("sha256", hashlib.sha256(content).hexdigest()),
            header.get("columns", {}),
            [content],
        )
        import_id = self.imports.store(upload)
        return self.store.write(lambda tx: self.imports.queue(tx, upload, import_id))

    def queue_customers(self, file_name: str = "customers.csv", content: bytes = b"content", **header) -> ImportFile:
        return self.queue(ImportKind.CUSTOMERS, content, file_name, **header)

    def upsert(
        self,
        rows: Sequence[CustomerRow] | Sequence[LoanRow],
        issues: Sequence[RowIssue] = (),
        batch_rows: int = 1000,
        **header: Any,
    ) -> ImportFile:
        """Imports checked rows as a worker would, so many to a batch; gives the import as it then stands."""
        kind = ImportKind.CUSTOMERS if isinstance(rows[0], CustomerRow) else ImportKind.LOANS
        file = self.queue(kind, b"", **header)
        if kind is ImportKind.LOANS:
            owners = {row.source_loan_id: row.customer_id for row in reversed(rows)}
            self.store.write(lambda tx: reserve_loan_ids(tx, list(owners), list(owners.values())))
        for start in range(0, len(rows), batch_rows):
            batch = rows[start : start + batch_rows]
            columns = CustomerRows.of(batch) if kind is ImportKind.CUSTOMERS else LoanRows.of(batch)
            of_batch = {row.row_number: [each for each in issues if each.row_number == row.row_number] for row in batch}
            self.upsert_parts(file, [RowBatch(columns, issues=of_batch)])
        return self.imports.get(file.import_id)

    def upsert_parts(self, file: ImportFile, parts: Sequence[RowBatch]) -> RowCounts:
        """Imports parts of a batch in a transaction."""
        return self.store.write(lambda tx: upsert_batch(tx, file, parts, self.now(), self.clock.today()))

    def issues(self, file: ImportFile) -> list[tuple[int, str, str, str]]:
        found = self.imports.page_of_issues(file.import_id, (0, 0), 1000)
        return [(issue.row_number, issue.outcome.value, issue.column, issue.message) for _, issue in found]

    def rows(self, table: str) -> list[dict]:
        """Every row of a table, in the order of its key."""
        with self.store.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY 1")).mappings()]  # noqa: S608

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        return {table.name: len(self.rows(table.name)) for table in metadata.sorted_tables}

    def work(
        self,
        until: Callable[[], bool] | None = None,
        batch_rows: int = 1000,
        max_rows_per_call: int = 1000,
        upkeep: Callable[[], object] = lambda: None,
    ) -> None:
        """Lets an import worker work until the queue is empty, or something else has come."""
        worker = ImportWorker(
            self.store, self.clock, NoMetrics(), ReadingLimits(), batch_rows, max_rows_per_call, upkeep=upkeep
        )
        stop = threading.Event()
        with futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(worker.run, stop)
            try:
                deadline = time.monotonic() + 60
                while not (until or self.is_idle)():
                    assert time.monotonic() < deadline, "the imports have not ended within a minute"
                    assert not running.done(), running.exception()
                    time.sleep(0.01)
            finally:
                stop.set()
                running.result()

    def is_idle(self) -> bool:
        """Whether no import waits, and no upload that nobody needs any more."""
        with self.store.read() as tx:
            return tx.imports.depth() == 0 and not tx.imports.done_with("")


def book_customer(number: int, **changes) -> CustomerRow:
    """A row of a customer file: a monthly income of ₹50,000 and a limit of ₹18 lakh."""
    row = {
        "row_number": number + 1,
        "customer_id": number,
        "first_name": "Asha",
        "last_name": "Rao",
        "age": 30,
        "phone_digits": 918_000_000_000 + number,
        "monthly_income": 50_000 * RUPEE,
        "approved_limit": 18 * LAKH,
    }
    return CustomerRow(**row | changes)


def book_loan(customer_id: int, loan_id: int, **changes) -> LoanRow:
    """A row of a loan file: ₹1 lakh over 12 months from January 2026, 3 instalments paid, 2 of them on time."""
    row = {
        "row_number": loan_id + 1,
        "customer_id": customer_id,
        "source_loan_id": loan_id,
        "loan_amount": LAKH,
        "tenure_months": 12,
        "interest_rate_e4": 105_000,
        "monthly_installment": 9_208 * RUPEE,
        "emis_paid": 3,
        "emis_paid_on_time": 2,
        "approval_date": date(2026, 1, 5),
    } | changes
    approval = row.pop("approval_date")
    row |= {"approval_year": approval.year, "approval_month": approval.month, "approval_day": approval.day}
    left = row["tenure_months"] - row["emis_paid"]
    return LoanRow(**row, outstanding_principal=round_half_up(row["loan_amount"] * left, row["tenure_months"]))
