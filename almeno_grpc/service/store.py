"""What the use cases need of a store; `almeno_grpc.storage` provides it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol, TypeVar

from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.decision import Borrower
from almeno_grpc.domain.imports import (
    CustomerRow,
    CustomerRows,
    ImportFile,
    ImportKind,
    ImportState,
    LoanRow,
    LoanRows,
    RowCounts,
    RowIssue,
)
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.portfolio import DecisionGroup, LoanGroup
from almeno_grpc.domain.repayment import Repayment

T = TypeVar("T")
U = TypeVar("U")


class DecisionRecord(NamedTuple):
    """A decision as it is stored. Beside the snapshot stands what figures and lists are made of."""

    decision_id: str
    customer_id: int
    business_date: str
    """YYYY-MM-DD."""
    policy_version: str
    policy_sha256: str
    approved: bool
    credit_score: int
    reasons: str
    """Why it was declined, joined by commas."""
    snapshot: str
    """Everything the decision was taken from and came to, as JSON."""
    snapshot_sha256: str
    create_time: int


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """A request that changed something, and the answer it got."""

    request_id: str
    fingerprint: str
    """SHA-256 of method and request: tells a repetition from another request with the same id."""
    answer: bytes


class CustomerStore(Protocol):
    """See `almeno_grpc.storage.customers.Customers`."""

    def get(self, customer_id: int) -> Customer | None: ...
    def holds_phone_number(self, phone_number: str) -> bool: ...
    def page(self, after: int, count: int) -> list[Customer]: ...
    def count(self) -> int: ...
    def add(self, customer: Customer) -> int: ...
    def existing(self, ids: Iterable[int]) -> set[int]: ...
    def with_ids(self, ids: Sequence[int]) -> list[tuple[Customer, bool]]: ...
    def phone_number_holders(self, digits: Sequence[int]) -> dict[int, int]: ...
    def import_new(self, rows: Sequence[CustomerRow], create_time: int) -> None: ...
    def import_if_new(self, rows: CustomerRows, create_time: int) -> bool: ...
    def take_phone_numbers(self, parts: Sequence[CustomerRows]) -> None: ...
    def import_changed(self, row: CustomerRow, digits_before: int) -> None: ...


class BorrowerStore(Protocol):
    """See `almeno_grpc.storage.borrowers.Borrowers`."""

    def get(self, customer_id: int, on: date) -> Borrower | None: ...
    def get_locked(self, customer_id: int, on: date) -> Borrower | None: ...
    def page(self, after: int, count: int, on: date) -> list[tuple[int, Borrower]]: ...


class LoanStore(Protocol):
    """See `almeno_grpc.storage.loans.Loans`."""

    @property
    def first_generated_id(self) -> int: ...
    def get(self, loan_id: int) -> Loan | None: ...
    def get_locked(self, loan_id: int) -> Loan | None: ...
    def repay(self, loan: Loan) -> None: ...
    def page(self, customer_id: int, state: LoanState | None, after: int, count: int) -> list[Loan]: ...
    def next_loan_id(self, customer_id: int) -> int: ...
    def add(self, loan: Loan) -> None: ...
    def by_source(self, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Loan]: ...
    def taken(self, ids: Iterable[int]) -> set[int]: ...
    def reserve_loan_ids(self, loan_ids: Sequence[int], customer_ids: Sequence[int]) -> None: ...
    def import_if_new(self, rows: LoanRows) -> bool: ...
    def import_new(self, rows: Sequence[LoanRow]) -> None: ...
    def import_renumbered(self, rows: Sequence[LoanRow]) -> list[int]: ...
    def import_changed(self, loan: Loan) -> None: ...


class RepaymentStore(Protocol):
    """See `almeno_grpc.storage.repayments.Repayments`."""

    def add(self, repayment: Repayment) -> None: ...
    def ends(self, loan: Loan) -> tuple[Repayment, Repayment] | None: ...
    def page(self, loan: Loan, after: int, count: int) -> list[Repayment]: ...
    def completing(self, loan: Loan) -> list[Repayment]: ...


class DecisionStore(Protocol):
    """See `almeno_grpc.storage.decisions.Decisions`."""

    def add(self, record: DecisionRecord) -> None: ...
    def get(self, decision_id: str) -> DecisionRecord | None: ...
    def page(self, customer_id: int, after: str, count: int) -> list[DecisionRecord]: ...


class StatisticsStore(Protocol):
    """See `almeno_grpc.storage.statistics.PortfolioStatistics`."""

    def loans(self, on: date) -> Iterator[LoanGroup]: ...
    def decisions(self, on: date) -> Iterator[DecisionGroup]: ...


class PolicyPinStore(Protocol):
    """See `almeno_grpc.storage.decisions.PolicyPins`."""

    def all(self) -> dict[str, str]: ...
    def add(self, version: str, sha256: str) -> None: ...


class IdempotencyStore(Protocol):
    """See `almeno_grpc.storage.decisions.IdempotencyRecords`."""

    def get(self, request_id: str) -> IdempotencyRecord | None: ...
    def add(self, request: IdempotencyRecord, create_time: int) -> None: ...


class ImportStore(Protocol):
    """See `almeno_grpc.storage.imports.Imports`."""

    def add_content(self, import_id: str, number: int, content: bytes) -> None: ...
    def add(self, new: ImportFile) -> ImportFile: ...
    def get(self, import_id: str) -> ImportFile | None: ...
    def page(self, before: int, count: int) -> list[ImportFile]: ...
    def first_book_date(self, kind: ImportKind, sha256: str) -> date | None: ...
    def next_waiting(self) -> ImportFile | None: ...
    def depth(self) -> int: ...
    def content(self, import_id: str) -> Iterator[bytes]: ...
    def done_with(self, before: str) -> list[tuple[str, int]]: ...
    def drop_content(self, import_id: str, number: int | None = None) -> None: ...
    def start(self, queue_number: int, time: int) -> None: ...
    def set_rows_total(self, queue_number: int, rows_total: int) -> None: ...
    def add_progress(self, queue_number: int, rows: RowCounts, issues: Sequence[RowIssue]) -> None: ...
    def request_cancel(self, queue_number: int) -> None: ...
    def end(self, queue_number: int, state: ImportState, time: int, error: str = "") -> None: ...
    def issues(self, queue_number: int, after: tuple[int, int], count: int) -> list[tuple[int, RowIssue]]: ...


class Transaction(Protocol):
    """The book as one transaction sees it."""

    @property
    def customers(self) -> CustomerStore: ...
    @property
    def borrowers(self) -> BorrowerStore: ...
    @property
    def loans(self) -> LoanStore: ...
    @property
    def repayments(self) -> RepaymentStore: ...
    @property
    def decisions(self) -> DecisionStore: ...
    @property
    def figures(self) -> StatisticsStore: ...
    @property
    def policy_pins(self) -> PolicyPinStore: ...
    @property
    def idempotency_records(self) -> IdempotencyStore: ...
    @property
    def imports(self) -> ImportStore: ...

    def others_wait(self) -> bool:
        """Whether others cannot write before this transaction has ended; asked by work that may as well end early."""


def always() -> bool:
    """Says that the work is wanted, whatever happens."""
    return True


class Lock(Protocol):
    """A try to be the one process that holds a name."""

    def is_held(self) -> bool:
        """Whether this process holds the name, now; it may lose it with its connection to the database."""


class Store(Protocol):
    """The book."""

    def borrower(self, customer_id: int, on: date) -> Borrower | None:
        """What a decision has to know of a customer on a business date; None when no customer has the number.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def borrowers(self, customer_ids: Collection[int], on: date) -> dict[int, Borrower]:
        """What decisions have to know of many customers on a business date, by their numbers.

        All are of one state of the book; a number that no customer has is left out.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def read(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one state of the book and changes nothing.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def write(self, work: Callable[[Transaction], T], *, wanted: Callable[[], bool] = always) -> T:
        """Runs the work in a transaction and gives back its result once that is durable.

        Whatever the work raises undoes all it did. Where it meets other work on the same rows it is undone and run
        again, a few times, so it must have no effect besides; it asks for that itself by raising `WriteConflict`.

        Args:
            work: Reads and changes the book.
            wanted: Asked before the commit; a no undoes the work.

        Raises:
            DeadlineExceeded: Nobody waits for the result any more.
            StoreUnavailable: The database is locked for too long, out of reach or out of space. Where it was lost
                during the commit the work may have been done.
            WriteConflict: Another transaction changed the same rows first, again and again.
        """

    def submit(
        self, work: Callable[[Transaction], T], then: Callable[[T], U], *, wanted: Callable[[], bool] = always
    ) -> Future[U]:
        """As `write`, without waiting for it where the database lets others write meanwhile.

        Args:
            work: As of `write`.
            then: Makes the end from the result, once that is durable. Other writes wait for it, so it does no more than
                it must, and waits for nothing.
            wanted: As of `write`.

        Returns:
            The end, or what `write` or `then` raises. Its callbacks run as `then` does.
        """

    @property
    def waits_to_submit(self) -> bool:
        """Whether `submit` waits until the work is done."""

    def checkpoint(self, *, in_steps: bool = False) -> None:
        """Does what the database has put off, if it is much, so that no call has to wait for it.

        Args:
            in_steps: Already if it is little, as while calls use the disk beside an import.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def analyze(self) -> None:
        """Lets the database see how large its tables are by now, where it goes by that. For who adds many rows.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def hold(self, name: str) -> AbstractContextManager[Lock]:
        """Tries to be the one process, of all that share the database, that holds the name.

        The name is let go at the end of the context, and when the process dies.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """
