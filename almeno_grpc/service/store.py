"""The contract of the store: what the use cases need of a database. `almeno_grpc.storage` provides it.

Promises, whatever the database:
- A transaction sees one state of the book where it reads only. One that writes sees what was committed before each of
  its statements, and what it has locked stays as it is until it ends.
- What a transaction has written is durable once `Store.write` has returned; else none of it is in the book. Where the
  database is lost during the commit the outcome is unknown: `CommitOutcomeUnknown`, never a result.
- Errors are those of the domain: `Unavailable` and `Aborted` may be tried again with the same request_id.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar

from almeno_grpc.domain.access import AccessRecords, ApiKey, CertificateName, Principal
from almeno_grpc.domain.audit import AuditCheckpoint, AuditEntry, AuditEvent, ChainCut, ChainHead
from almeno_grpc.domain.change_event import ChangeEvent
from almeno_grpc.domain.charge import Charge, ChargeEntry
from almeno_grpc.domain.customer import Customer, CustomerField
from almeno_grpc.domain.customer_change import CustomerChange, NewChange
from almeno_grpc.domain.decision import Borrower
from almeno_grpc.domain.imports import (
    CustomerRow,
    ImportFile,
    ImportKind,
    ImportState,
    LoanRow,
    LoanRows,
    RowCounts,
    RowIssue,
)
from almeno_grpc.domain.limits import MAX_ID
from almeno_grpc.domain.loan import Loan, LoanState, SanctionEnd, Segment
from almeno_grpc.domain.norms import Norms
from almeno_grpc.domain.portfolio import DecisionGroup, DisbursementGroup, LoanGroup, RepaymentGroup
from almeno_grpc.domain.repayment import Repayment
from almeno_grpc.domain.sheet_versions import SheetChange
from almeno_grpc.domain.terms import Terms

T = TypeVar("T")

Key = tuple[int | str, ...]
"""A primary key, in the order of its columns."""


class DecisionRecord(NamedTuple):
    """A decision as it is stored. Beside the snapshot stand the columns of lists and statistics."""

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


class SegmentRecord(NamedTuple):
    """A segment of a loan's schedule as it is stored. Never changed; it stands as long as its prepayment does."""

    customer_id: int
    loan_id: int
    number: int
    """Of the loan's segments, those too that do not stand; 1 is the schedule as it was booked."""
    segment: Segment
    repayment_number: int | None
    """The prepayment that opened it; None for the schedule as it was booked."""


class IdempotencyRecord(NamedTuple):
    """A request that changed something, and the answer it got."""

    request_id: str
    fingerprint: str
    """SHA-256 of method and request: tells a repetition from another request with the same request_id."""
    answer: bytes
    create_time: int
    principal: str = ""
    """Whose request it was; empty where access control is off."""


@dataclass(slots=True)
class Changes:
    """What a request adds to the book and updates in it, and the event of the audit trail that vouches for that.

    Rows of every kind may be left out. Loans, customers and repayments have their ids already.
    """

    customers: list[Customer] = field(default_factory=list)
    """New customers, with their phone numbers."""
    decisions: list[DecisionRecord] = field(default_factory=list)
    loans: list[Loan] = field(default_factory=list)
    """New loans."""
    repayments: list[Repayment] = field(default_factory=list)
    reversals: list[Repayment] = field(default_factory=list)
    """Repayments that are in the book already, with their reversals."""
    segments: list[SegmentRecord] = field(default_factory=list)
    charge_entries: list[ChargeEntry] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    """Charges that those have added or waived, as they stand then."""
    sanction_ends: list[SanctionEnd] = field(default_factory=list)
    updated_loans: list[Loan] = field(default_factory=list)
    """Loans as they stand after a repayment or another change. A transaction changes a loan once."""
    loans_before: list[Loan] = field(default_factory=list)
    """The same as they stood before it."""
    non_performing_customers: dict[int, date | None] = field(default_factory=dict)
    """Since when customers have been non-performing, by customer_id, where that changes; None for no longer."""
    business_date: date | None = None
    """The business date of the decisions and repayments, where it is the latest so far."""
    policy_pins: dict[str, str] = field(default_factory=dict)
    """SHA-256 of policy files, by version, for those that decide for the first time."""
    terms_pins: dict[str, Terms] = field(default_factory=dict)
    """Terms, by version, under which a loan is booked for the first time."""
    idempotency_records: list[IdempotencyRecord] = field(default_factory=list)
    event: AuditEntry | None = None
    """What the caller did; None for the upkeep of the database, which concerns no row of the book."""
    on: date | None = None
    """The business date on which it happened."""
    import_id: str = ""
    """The import that does it; empty where it is a call."""
    concerns: tuple[int, str] | None = None
    """The customer_id and the subject of the event, where no row here says them."""

    @property
    def about(self) -> tuple[int, str]:
        """The customer_id and the subject of the event: what was added, or (0, "") for nothing of the book."""
        if self.concerns is not None:
            return self.concerns
        for repayment in (*self.repayments, *self.reversals):
            return repayment.customer_id, repayment.repayment_id
        for loan in (*self.loans, *self.updated_loans):
            return loan.customer_id, str(loan.loan_id)
        if self.decisions:
            return self.decisions[0].customer_id, self.decisions[0].decision_id
        return (self.customers[0].customer_id, str(self.customers[0].customer_id)) if self.customers else (0, "")


class CustomerStore(Protocol):
    """The customers."""

    def get(self, customer_id: int) -> Customer | None:
        """The customer, if there is one."""

    def page(self, after: int, count: int) -> list[Customer]:
        """Up to `count` customers with an id above `after`, by ascending id."""

    def found_by_name(self, prefix: str, after: int, count: int) -> list[Customer]:
        """Up to `count` customers with a name key that begins with the prefix, as `page` gives them."""

    def found_by_phone_number(self, digits: int, after: int, count: int) -> list[Customer]:
        """The customer who holds a phone number (digits of E.164), as `page` gives customers."""

    def count(self) -> int:
        """How many customers there are."""

    def reserve_ids(self, count: int) -> list[int]:
        """The next generated ids, ascending, for customers that this transaction adds; an id may be left unused."""

    def phone_number_holders(self, digits: Sequence[int]) -> dict[int, int]:
        """Those of the phone numbers (digits of E.164) that are taken, each with its holder's customer_id."""

    def existing(self, ids: Iterable[int]) -> set[int]:
        """Those of the ids that customers have."""

    def set_non_performing_since(self, customer_id: int, since: date | None) -> None:
        """Updates since when a customer has been non-performing; None for one that is not."""

    def non_performing_since(self, ids: Collection[int]) -> dict[int, date]:
        """Since when customers have been non-performing, as the latest change of their loans has left them, by id.

        Those that were not are left out.
        """

    def with_ids(self, ids: Sequence[int]) -> list[tuple[Customer, bool]]:
        """The customers with any of the ids, each with whether it was imported."""

    def import_new(self, rows: Sequence[CustomerRow], create_time: int) -> None:
        """Adds customers under the sheet's ids, with their phone numbers.

        Raises:
            WriteConflict: Another transaction has taken one of the phone numbers first.
        """

    def change(
        self, before: Customer | CustomerRow, after: Customer | CustomerRow, changed_fields: CustomerField
    ) -> None:
        """Updates a customer from what it was before, with the phone number and the keys that the name is found by.

        Args:
            before: The customer as this transaction has read or written it.
            after: The customer from now on.
            changed_fields: What calls have changed since the customer came into the book; none is taken back.

        Raises:
            WriteConflict: The customer was changed meanwhile, or the phone number was taken.
        """


class CustomerChangeStore(Protocol):
    """The changes of customers and their loans."""

    def add(self, changes: Sequence[NewChange], create_time: int) -> None:
        """Adds changes, in their order, of customers whom this transaction has locked or updated."""

    def page(self, customer_id: int, after: int, count: int) -> list[CustomerChange]:
        """Up to `count` changes of a customer and the customer's loans with a number above `after`, in order."""

    def of_sheets(self, customer_ids: Collection[int]) -> dict[int, list[SheetChange]]:
        """What sheets have changed of the loans of customers, by loan_id, in the order in which they were loaded."""


class BorrowerStore(Protocol):
    """The borrowers: customers with their credit positions."""

    def get(self, customer_id: int, on: date) -> Borrower | None:
        """The borrower on a business date; None when no customer has the id."""

    def get_many(self, customer_ids: Collection[int], on: date) -> dict[int, Borrower]:
        """The borrowers on a business date, by customer_id; ids that no customer has are left out."""

    def lock(self, customer_ids: Collection[int], *, wait: bool) -> set[int]:
        """Locks customers until the transaction ends, so that no other decides on them or takes their repayments.

        Args:
            customer_ids: The customers, who are locked by ascending id, so that transactions do not deadlock.
            wait: Whether to wait for those that another transaction has locked; else they are left out.

        Returns:
            The ids that are locked now. The others do not exist or, unless it waited, another transaction has them.
        """

    def page(self, after: int, count: int, on: date) -> list[tuple[int, Borrower]]:
        """Up to `count` borrowers with an id above `after`, each with the id, by ascending id."""


class LoanStore(Protocol):
    """The loans."""

    @property
    def first_generated_id(self) -> int:
        """The smallest loan_id that the service gives by itself."""

    def get(self, loan_id: int) -> Loan | None:
        """The loan, if there is one."""

    def approved_by(self, customer_id: int, decision_id: str) -> Loan | None:
        """The loan that a decision on a customer approved, if it did."""

    def owners(self, loan_ids: Collection[int]) -> dict[int, int]:
        """Whose loans the ids are, a customer_id by loan_id; ids that were never given out are left out.

        An id may be reserved for a loan that never comes: the loan itself has to be read, by both.
        """

    def get_many(self, keys: Collection[tuple[int, int]]) -> dict[int, Loan]:
        """The loans with the keys (customer_id, loan_id), by loan_id; those that do not exist are left out."""

    def reserve_ids(self, count: int) -> list[int]:
        """The next generated ids, ascending, for loans that this transaction adds; an id may be left unused."""

    def page(self, customer_id: int, state: LoanState | None, after: int, count: int, on: date) -> list[Loan]:
        """Up to `count` of a customer's loans with an id above `after`, by ascending id.

        Args:
            customer_id: The customer.
            state: The state that they have on the business date; None for every state.
            after: A loan_id.
            count: How many.
            on: The business date.
        """

    def count(self) -> int:
        """How many loans there are."""

    def behind(self, loan_id: int, count: int) -> list[Loan]:
        """Up to `count` loans of all customers with an id above `loan_id`, by ascending id."""

    def segments(self, loan: Loan) -> list[SegmentRecord]:
        """All segments that were stored for a loan, in order; none as long as it has had no prepayment."""

    def sanction_end(self, loan: Loan) -> SanctionEnd | None:
        """How the loan's sanction ended, if it did."""

    def by_source(self, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Loan]:
        """The imported loans with any of the keys (customer_id, source_loan_id)."""

    def taken(self, ids: Iterable[int]) -> set[int]:
        """Those of the ids that loans have."""

    def reserve_loan_ids(self, loan_ids: Sequence[int], customer_ids: Sequence[int]) -> None:
        """Reserves the sheet's loan ids for its customers; what is reserved or taken already stays as it is."""

    def import_if_new(self, rows: LoanRows) -> bool:
        """Adds the sheet's loans under its ids if those are reserved for them; else adds none.

        Returns:
            Whether they were added.
        """

    def import_new(self, rows: Sequence[LoanRow]) -> None:
        """Adds the sheet's loans under its ids, which no loan has.

        Raises:
            WriteConflict: A loan was booked under one of them meanwhile.
        """

    def import_renumbered(self, rows: Sequence[LoanRow]) -> list[int]:
        """Adds the sheet's loans under the next generated ids, in order, and returns those."""

    def import_changed(self, loan: Loan, before: Loan) -> None:
        """Updates an imported loan from what it was before to what the sheet says.

        Raises:
            WriteConflict: A repayment or a charge was recorded on it meanwhile.
        """


class RepaymentStore(Protocol):
    """The repayments, each with its reversal."""

    def first_and_latest(self, loans: Collection[Loan]) -> dict[int, tuple[Repayment, Repayment | None]]:
        """The first repayment of each loan, also if it was reversed, and the latest that stands, by loan_id.

        The two may be the same. None for the latest where none stands; loans without a repayment are left out.
        """

    def of_loan(self, loan: Loan) -> list[Repayment]:
        """All of a loan's repayments, in the order they were recorded in."""

    def of_loans(self, loans: Collection[Loan]) -> dict[int, list[Repayment]]:
        """All repayments of loans, as `of_loan` gives them, by loan_id; loans without one are left out."""

    def find(self, repayment_id: str) -> Repayment | None:
        """The repayment, if there is one."""

    def standing_with_reference(self, loan: Loan, reference: str) -> Repayment | None:
        """The repayment of a loan that stands and has an external reference, if there is one."""

    def page(self, loan: Loan, after: int, count: int) -> list[Repayment]:
        """Up to `count` of a loan's repayments with a number above `after`, in the order they were recorded in."""


class ChargeStore(Protocol):
    """The charges and waivers that were recorded."""

    def of_loan(self, loan: Loan) -> list[ChargeEntry]:
        """A loan's, in the order they were recorded in."""

    def of_loans(self, loans: Collection[Loan]) -> dict[int, list[ChargeEntry]]:
        """Those of loans, as `of_loan` gives them, by loan_id; loans without one are left out."""


class DecisionStore(Protocol):
    """The stored decisions."""

    def get(self, decision_id: str) -> DecisionRecord | None:
        """The decision, if there is one."""

    def page(self, customer_id: int, after: str, count: int) -> list[DecisionRecord]:
        """Up to `count` decisions on a customer whose ids sort behind `after`, the oldest first."""

    def remove(self, before: int, count: int, *, is_asked: bool = False, keeps: bool = False) -> bool:
        """Removes the oldest decisions of before a time, which the transaction's event then says; whether there were.

        Args:
            before: Microseconds since the epoch.
            count: How many, where the database does not keep them by months and removes a month.
            is_asked: Whether those go, too, that were brought back.
            keeps: Whether a month becomes a table of its own in the database, from which it can be brought back.
        """


class StatisticsStore(Protocol):
    """The book, aggregated by the database."""

    def loans(self, on: date, norms: Norms) -> Iterator[LoanGroup]:
        """The loans on a business date, grouped by what the portfolio's statistics distinguish.

        Loans that are alike may come as several groups, to be added up; so do disbursements.
        """

    def late_loans(self, after: Loan | None, count: int, on: date) -> list[Loan]:
        """Up to `count` of the loans with an unpaid instalment that fell due before the day, behind one of them."""

    def disbursements(self, on: date) -> Iterator[DisbursementGroup]:
        """The loans disbursed up to a business date, by month; exited ones were disbursed too."""

    def repayments(self, on: date) -> Iterator[RepaymentGroup]:
        """The repayments that stand with payment dates up to a business date, by that date."""

    def decisions(self, on: date) -> Iterator[DecisionGroup]:
        """The decisions up to a business date, grouped likewise."""


class SumSource(StrEnum):
    """Rows that are summed a day, each kind in the order in which they come.

    Reversals are taken off the sums of the repayments that they take back.
    """

    DECISIONS = "DECISIONS"
    REPAYMENTS = "REPAYMENTS"
    REVERSALS = "REVERSALS"


class DailySum(NamedTuple):
    """Rows of a day added up."""

    day: date
    """The business date of decisions; the payment date of repayments."""
    label: str
    """The reasons of decisions, joined by commas; else empty."""
    rows: int
    amount: int
    """In paise; 0 of decisions. Like `rows` below zero for reversals."""


class SummedRange(NamedTuple):
    """Rows of a source that follow each other, added up."""

    source: SumSource
    after: str
    """The place behind which they begin."""
    last: str
    """The place of the last of them."""
    sums: list[DailySum]


class DailySumStore(Protocol):
    """The sums of finished history. What they have need not be read again for a summary, and may be removed."""

    def place(self, source: SumSource) -> str:
        """The last row that the sums have, and with it all rows of the source before; empty as long as they have none.

        Of decisions it is the decision_id, of repayments the repayment_id, of reversals the time in digits.
        """

    def has_all(self, source: SumSource, before: int) -> bool:
        """Whether the sums have all rows of before a time, in microseconds since the epoch."""

    def next_range(self, source: SumSource, before: int, count: int) -> SummedRange | None:
        """The sums of up to about `count` rows behind the place that came before a time; None where there are none.

        Args:
            source: The rows.
            before: Microseconds since the epoch.
            count: How many.
        """

    def add(self, summed: SummedRange) -> None:
        """Adds a range to the sums, and moves the place to its end.

        Raises:
            WriteConflict: The place is not where the range begins: another has moved it.
        """


class ChangeEventStore(Protocol):
    """The events that other systems follow the book by. They are added by `Transaction.write`."""

    def page(self, after: int, count: int) -> list[ChangeEvent]:
        """Up to `count` events with a number above `after`, by ascending number: a few less where they are large.

        What is missing between two numbers may come yet: see `Store.writers_of_events`.
        """

    def removed(self) -> int:
        """The number up to which the events were removed; 0 as long as none was."""

    def last_number(self) -> int:
        """The last number that was given to an event, also where that is not in the book; 0 for none."""

    def behind_newest(self, count: int, last: int = MAX_ID) -> int:
        """The number behind which the newest `count` events are; with 0 the highest number in the book.

        Where fewer are kept, the number up to which events were removed.

        Args:
            count: How many.
            last: Of the events up to this number.
        """

    def remove(self, before: int, count: int) -> bool:
        """Removes up to `count` of the first events, of before a time in microseconds; whether there were any.

        Where the database keeps them by weeks it is a week.
        """


class PolicyPinStore(Protocol):
    """The policy files by which decisions were taken."""

    def all(self) -> dict[str, str]:
        """The SHA-256 of each policy file that has decided, by version."""


class TermsPinStore(Protocol):
    """The terms files under which loans were booked."""

    def all(self) -> dict[str, str]:
        """The SHA-256 of each, by version."""

    def content(self, version: str) -> str | None:
        """The file of a version; None where no loan was booked under it."""


class IdempotencyStore(Protocol):
    """The requests that were answered."""

    def get_many(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], IdempotencyRecord]:
        """The records with the keys (principal, request_id), by key.

        Repeating an answer waits for a standby as giving it does.
        """

    def create_times(self, after: tuple[Any, ...] | None, count: int) -> list[tuple[tuple[Any, ...], int]]:
        """Up to `count` records behind a primary key, or the first: the key of each, and when it was made."""

    def forget(self, keys: Sequence[tuple[Any, ...]], before: int) -> None:
        """Deletes the records with the primary keys that are of before a time, in microseconds."""

    def remove_answers(self, before: int) -> bool:
        """Removes a week of answers of before a time in microseconds, whose records are gone; whether there was one.

        Where the database does not keep them by weeks, an answer is gone with its record.
        """


class ImportStore(Protocol):
    """The imports: their queue, their uploads and their issues."""

    def add_content(self, import_id: str, number: int, content: bytes) -> None:
        """Stores a piece of an upload, before its import is queued."""

    def add(self, new: ImportFile) -> ImportFile:
        """Queues an import whose content is stored; returns it with its queue_number."""

    def get(self, import_id: str) -> ImportFile | None:
        """The import, if there is one."""

    def page(self, before: int, count: int) -> list[ImportFile]:
        """Up to `count` imports with a queue_number below `before`, the newest first."""

    def first_book_date(self, kind: ImportKind, sha256: str) -> date | None:
        """The book date the same file was first imported with; imports that failed do not count."""

    def next_waiting(self) -> ImportFile | None:
        """The oldest import that has not ended, if there is one."""

    def next_behind(self, queue_number: int) -> ImportFile | None:
        """The oldest import behind a place in the queue that has not ended, if there is one."""

    def depth(self) -> int:
        """How many imports have not ended."""

    def oldest_waiting_microseconds(self) -> int | None:
        """When the first of them came, since the epoch; None where there is none."""

    def content(self, import_id: str) -> Generator[bytes, None, None]:
        """The uploaded file in pieces, fetched one by one; to be closed by whoever does not want them all."""

    def done_with(self, before: str) -> list[tuple[str, int]]:
        """Some pieces (import_id, number) of uploads that have ended, or came before `before` and were never queued."""

    def drop_content(self, import_id: str, number: int) -> None:
        """Deletes a piece of an upload."""

    def drop_first_content(self, import_id: str) -> bool:
        """Deletes the first piece that is left of an upload; whether there was one."""

    def stored_pieces(self) -> int:
        """How many pieces of uploads there are, of queued ones and all others."""

    def start(self, queue_number: int, time: int) -> None:
        """Marks a queued import as running."""

    def set_rows_total(self, queue_number: int, rows_total: int) -> None:
        """Sets how many rows the file has."""

    def add_progress(self, queue_number: int, rows: RowCounts, issues: Sequence[RowIssue]) -> None:
        """Adds a batch's counts and issues to the import's, in the order of the file's rows.

        Of an import the first `MAX_ISSUES` issues are kept; all are counted.
        """

    def drop_issues(self, ended_before: int, count: int) -> bool:
        """Deletes up to `count` issues of an import that had ended by an instant; whether there were any."""

    def request_cancel(self, queue_number: int) -> None:
        """Asks the worker to stop at its next batch."""

    def end(self, queue_number: int, state: ImportState, time: int, error: str = "") -> None:
        """Puts an import into an end state."""

    def issues(self, queue_number: int, after: tuple[int, int], count: int) -> list[tuple[int, RowIssue]]:
        """Up to `count` issues behind (row_number, number), in order, each with its number within its row."""


class AccessStore(Protocol):
    """The callers: principals, their API keys and certificate names. What changes them moves the version."""

    def version(self) -> int:
        """A number that is another one after each change of callers, as the transaction sees it where it begins."""

    def all(self) -> AccessRecords:
        """All callers, and the version that they are of."""

    def move_version(self) -> None:
        """Moves the version; whoever else changes callers waits until the transaction ends."""

    def principal(self, name: str) -> Principal | None:
        """The principal, if there is one."""

    def put_principal(self, principal: Principal) -> None:
        """Adds a principal, or changes the one of the name."""

    def principals(self, after: str, count: int) -> list[Principal]:
        """Up to `count` principals with a name behind `after`, by name."""

    def key(self, key_id: str) -> ApiKey | None:
        """The API key, if there is one."""

    def put_key(self, key: ApiKey) -> None:
        """Adds an API key, or changes the one of the id."""

    def keys(self, principal: str, after: str, count: int) -> list[ApiKey]:
        """Up to `count` API keys with an id behind `after`, by id; of a principal, or of all where it is empty."""

    def note_use(self, key_ids: Collection[str], on: date) -> None:
        """Notes a day on which API keys were used."""

    def certificate_name(self, name: str) -> CertificateName | None:
        """The name in certificates, if it is set."""

    def put_certificate_name(self, name: CertificateName) -> None:
        """Sets a name in certificates."""

    def remove_certificate_name(self, name: str) -> None:
        """Removes a name in certificates."""


class AuditStore(Protocol):
    """The audit trail. Its events are added by `Transaction.write`."""

    def page(
        self,
        before: tuple[int, int, int] | None,
        count: int,
        *,
        start_time: int | None = None,
        end_time: int | None = None,
    ) -> list[AuditEvent]:
        """Up to `count` events before a place (time, stream_id, sequence), the latest first, without their rows.

        Args:
            before: The place; None for the end.
            count: How many.
            start_time: Only events at or after the time, in microseconds since the epoch.
            end_time: Only events before the time.
        """

    def event(self, stream_id: int, sequence: int) -> AuditEvent | None:
        """The event at a place, without its rows, if there is one."""

    def events(self) -> Iterator[AuditEvent]:
        """All events, chain by chain, each in its order."""

    def written_since(self, time: int, stream_id: int = 0, sequence: int = 0) -> list[AuditEvent]:
        """The first some hundred events of writes behind an event, by ascending times; none where there are no more.

        Args:
            time: The event's, in microseconds since the epoch.
            stream_id: Its chain's; 0 to begin with all of that time.
            sequence: Its own.
        """

    def row_changes(self, event: AuditEvent) -> Iterator[tuple[str, Key, int]]:
        """What an event vouches for: the table and key of each row, and the row's digest before XOR that after.

        Raises:
            ValueError: What is stored with the event is not whole.
        """

    def row_digests(self) -> Iterator[tuple[str, Key, int | None]]:
        """Every row that events vouch for, as it is now: its table, its key and its digest.

        None stands for the digest of a row that the baseline has not come to yet.
        """

    def row_count(self) -> int:
        """How many rows `row_digests` has."""

    def cuts(self) -> dict[int, ChainCut]:
        """What the retention has removed, by stream_id."""

    def expired(self, before: int, count: int, *, of_writes: bool) -> list[AuditEvent]:
        """Up to `count` of a chain's first events, with their rows, all of which came before a time.

        Args:
            before: Microseconds since the epoch.
            count: How many.
            of_writes: Whether it is a chain of writes and repeats, or of reads and refusals.
        """

    def remove_emptied(self, before: int) -> None:
        """Gives back what the database keeps for events of before a time, where all of those were removed."""

    def is_let_go(self, table: str, key: Key) -> bool:
        """Whether the retention may have removed the row, which events vouch for still."""

    def remove(self, events: Sequence[AuditEvent]) -> None:
        """Removes the first events of a chain, and has the transaction's event vouch for what they vouched for."""

    def moved_heads(self, since: int | None) -> list[ChainHead]:
        """The heads of the chains that have moved beyond the latest checkpoints.

        Args:
            since: Only chains with an event at or after the time, in microseconds since the epoch; None for all.
        """

    def checkpoint(self, number: int | None = None) -> AuditCheckpoint | None:
        """The checkpoint with a number, or the latest, if there is one."""

    def checkpoints(self, after: int = 0) -> Iterator[AuditCheckpoint]:
        """All checkpoints with a number above `after`, in order."""

    def add_checkpoint(self, checkpoint: AuditCheckpoint) -> None:
        """Adds a checkpoint.

        Raises:
            WriteConflict: Another process has added one with the number.
        """


class BaselinePlace(NamedTuple):
    """A place in the book, table by table."""

    table: int
    """The table's number."""
    key: Key
    """That of the last row that is vouched for; empty in front of the first."""


class BaselineStore(Protocol):
    """The baseline of the audit trail."""

    def place(self) -> BaselinePlace | None:
        """The last row from before the audit trail that is vouched for; None where all are."""

    def rows_behind(self, place: BaselinePlace, count: int) -> tuple[list[tuple[Key, int]], BaselinePlace | None]:
        """Rows of the place's table behind it, with their digests, and the place behind them; None at the end of all.

        Args:
            place: The place.
            count: How many rows at most.
        """

    def table_number(self, table: str) -> int:
        """The number of a table in places."""

    def events_behind(self, heads: Mapping[int, int], *, except_method: str) -> Iterator[AuditEvent]:
        """The events behind others, chain by chain.

        Args:
            heads: The sequence of the last one that is left out, by stream_id; none of a chain that is not there.
            except_method: Events of the method are left out.
        """

    def vouch(self, before: BaselinePlace, rows: Sequence[tuple[Key, int]], after: BaselinePlace | None) -> None:
        """Moves the place of the baseline, and has the transaction's event vouch for rows of its table.

        Args:
            before: The place as it was.
            rows: The keys, and the digests that they had when the trail began.
            after: The place from now on; None for the end.

        Raises:
            WriteConflict: Another process has moved it.
        """


class Transaction(Protocol):
    """The book as one transaction sees it."""

    @property
    def customers(self) -> CustomerStore:
        """Customers."""

    @property
    def customer_changes(self) -> CustomerChangeStore:
        """Changes of customers and their loans."""

    @property
    def borrowers(self) -> BorrowerStore:
        """Customers with their credit positions."""

    @property
    def loans(self) -> LoanStore:
        """Loans."""

    @property
    def repayments(self) -> RepaymentStore:
        """Repayments."""

    @property
    def charges(self) -> ChargeStore:
        """Charges and waivers."""

    @property
    def decisions(self) -> DecisionStore:
        """Stored decisions."""

    @property
    def statistics(self) -> StatisticsStore:
        """The book, aggregated."""

    @property
    def daily_sums(self) -> DailySumStore:
        """The sums of finished history."""

    @property
    def change_events(self) -> ChangeEventStore:
        """The events that other systems follow the book by."""

    @property
    def policy_pins(self) -> PolicyPinStore:
        """The policy files that have decided."""

    @property
    def terms_pins(self) -> TermsPinStore:
        """The terms files under which loans were booked."""

    @property
    def idempotency(self) -> IdempotencyStore:
        """Answered requests."""

    @property
    def imports(self) -> ImportStore:
        """Imports."""

    @property
    def access(self) -> AccessStore:
        """Callers."""

    @property
    def audit(self) -> AuditStore:
        """The audit trail."""

    @property
    def baseline(self) -> BaselineStore:
        """The baseline of the audit trail."""

    def prepare_partitions(self, now: int) -> bool:
        """Makes a partition of the time behind an instant in microseconds; False where none is missing."""

    def latest_business_date(self) -> date | None:
        """The latest business date on which a decision or a change of a loan was recorded; None while there is none."""

    def write(self, *changes: Changes) -> None:
        """Writes the changes of requests, in one statement a table or fewer. At most once, as the last step.

        An event vouches for the rows of its changes, and the first for all that the transaction has imported before.

        Raises:
            PhoneNumberTaken: A phone number of the new customers is taken.
            WriteConflict: Another transaction has added a row with one of the keys first.
        """

    def is_contended(self) -> bool:
        """Whether other processes wait for this transaction to end; asked by work that may as well end early."""


def always() -> bool:
    """The caller waits, whatever happens."""
    return True


class Lock(Protocol):
    """A try to get a named lock of which there is one for all processes that share the database."""

    def is_held(self) -> bool:
        """Whether this process has the lock now; it may lose it with its connection to the database."""

    def try_again(self) -> None:
        """Tries once more, where another has had the lock.

        Raises:
            StoreUnavailable: The connection to the database was lost.
        """


class Store(Protocol):
    """The book in a database. Its methods may be called from any thread."""

    def borrowers(self, customer_ids: Collection[int], on: date) -> dict[int, Borrower]:
        """The borrowers on a business date, by customer_id; ids that no customer has are left out.

        All are of one state of the book.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def read(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one state of the book and changes nothing.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def write(
        self, work: Callable[[Transaction], T], *, is_active: Callable[[], bool] = always, max_attempts: int = 5
    ) -> T:
        """Runs the work in a transaction of its own and returns its result once that is durable.

        Whatever the work raises undoes all it did. Where it meets other work on the same rows it is undone and run
        again, so it must have no effect besides; it asks for that itself by raising `WriteConflict`.

        Args:
            work: Reads and changes the book.
            is_active: Whether the caller still waits; asked before the work and before the commit.
            max_attempts: How often the work is run at most.

        Raises:
            DeadlineExceeded: The caller waits no longer.
            StoreUnavailable: The database is locked for too long, out of reach or out of space.
            CommitOutcomeUnknown: It was lost during the commit: the work may have been done.
            WriteConflict: Another transaction changed the same rows first, each time.
        """

    def writers_of_events(self) -> frozenset[str]:
        """The open transactions that may have given numbers to events.

        A number that was missing below one that was seen before this call is one of theirs, or it will never come, or
        whoever begins to read now sees it. So once none of them is open any more nothing is missing to who reads then.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def probe_reads(self) -> None:
        """Reads a row, to see whether the database can be read.

        Raises:
            CreditError: It cannot, or it is not the one that was opened.
        """

    def probe_writes(self) -> None:
        """Commits a transaction that changes nothing, to see whether the database takes writes.

        Raises:
            CreditError: It does not.
        """

    def checkpoint(self, *, in_steps: bool = False) -> None:
        """Does what the database has put off, if it is much, so that no call has to wait for it.

        Args:
            in_steps: Already if it is little, as while calls use the disk beside an import.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def analyze(self) -> None:
        """Renews the planner's statistics of tables that have grown, where the database has a planner that needs them.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def return_space(self) -> bool:
        """Gives back to the disk a part of the space that deleted rows have left; whether there may be more.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def erase_log(self) -> bool:
        """Erases deleted rows from the database's log of writes; False where other transactions are in the way.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """

    def try_lock(self, name: str) -> AbstractContextManager[Lock]:
        """Tries to get the named lock; it is released at the end of the context, and when the process dies.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """
