"""Imports of a book: files and their states, checked rows, and the issues of rows that were rejected or adjusted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from almeno_grpc.domain.installments import InstallmentMethod

MAX_ISSUES = 10_000
"""Of an import, that are kept: the first. Whoever has more has to mend the file as a whole."""


class ImportKind(StrEnum):
    """What the rows of a file describe."""

    CUSTOMERS = "CUSTOMERS"
    LOANS = "LOANS"


class ImportState(StrEnum):
    """The state of an import in the queue."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_end(self) -> bool:
        """Whether the state is final."""
        return self in (ImportState.SUCCEEDED, ImportState.FAILED, ImportState.CANCELLED)


class IssueOutcome(StrEnum):
    """How a row was dealt with that was not imported as it stands in the file."""

    REJECTED = "REJECTED"
    ADJUSTED = "ADJUSTED"


@dataclass(frozen=True, slots=True)
class RowIssue:
    """Why a row was rejected or adjusted."""

    row_number: int
    """As a spreadsheet shows it: the first row of the sheet is 1."""
    outcome: IssueOutcome
    column: str
    """Heading of the column in question; empty when the row as a whole is meant."""
    message: str


class CustomerRow(NamedTuple):
    """A checked row of a customer file. Amounts in paise."""

    row_number: int
    customer_id: int
    first_name: str
    last_name: str
    age: int
    phone_digits: int
    """Of the phone number in E.164 form."""
    monthly_income: int
    approved_limit: int


BOOK_METHOD = InstallmentMethod.ANNUAL_COMPOUND
"""The installment method of imported loans."""


class LoanRow(NamedTuple):
    """A checked row of a loan file. Amounts in paise."""

    row_number: int
    customer_id: int
    source_loan_id: int
    """The sheet's Loan ID; unique for one customer only."""
    loan_amount: int
    tenure_months: int
    interest_rate_e4: int
    """Ten-thousandths of a per cent a year."""
    monthly_installment: int
    emis_paid: int
    emis_paid_on_time: int
    approval_year: int
    approval_month: int
    approval_day: int
    outstanding_principal: int
    """Principal still owed, by `almeno_grpc.domain.installments.outstanding_after`."""
    paid_toward_next: int = 0
    """Part payment toward the next instalment; only of a sheet that was exported."""
    is_reducing_balance: int = 0
    """1 for a loan that was booked by a service, as only a sheet that was exported has one."""

    @property
    def approval_date(self) -> date:
        """The day of approval."""
        return date(self.approval_year, self.approval_month, self.approval_day)


R = TypeVar("R", CustomerRow, LoanRow)


@dataclass(frozen=True)
class _Columns(Generic[R]):
    """Checked rows in columnar form. Nearly every row is stored as it comes, so no object is made for it."""

    columns: Sequence[Sequence[Any]]
    """One column for each field of the row, in the order of the fields."""
    row: ClassVar[Any]
    """The class of a row."""

    @classmethod
    def of(cls, rows: Sequence[R]) -> Self:
        """The same rows, by columns."""
        return cls(list(zip(*rows, strict=True)) or [()] * len(cls.row._fields))

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, rows: slice) -> Self:
        return type(self)([column[rows] for column in self.columns])

    def __iter__(self) -> Iterator[R]:
        return map(self.row._make, zip(*self.columns, strict=True))


class CustomerRows(_Columns[CustomerRow]):
    """Checked rows of a customer file."""

    row = CustomerRow


class LoanRows(_Columns[LoanRow]):
    """Checked rows of a loan file."""

    row = LoanRow


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows by outcome; adjusted rows are counted among the others too."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    adjusted: int = 0

    @property
    def seen(self) -> int:
        """Rows processed."""
        return self.inserted + self.updated + self.unchanged + self.rejected


@dataclass(frozen=True, slots=True)
class ImportFile:
    """An uploaded file in the queue of imports. Instants in microseconds since the epoch."""

    queue_number: int
    import_id: str
    kind: ImportKind
    file_name: str
    size_bytes: int
    sha256: str
    columns: Mapping[str, str]
    """The file's headings by the book's, where the sender has named them."""
    book_date: date
    state: ImportState
    cancel_requested: bool
    rows_total: int
    rows: RowCounts
    issues_total: int
    """Those that are not kept included."""
    error: str
    create_time: int
    start_time: int | None
    end_time: int | None
    principal: str = ""
    """Who has uploaded it."""
