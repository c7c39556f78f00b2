"""What the rows of an imported file become, and what is said of the rows that do not fit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from almeno_grpc.domain.installments import InstallmentMethod


class ImportKind(StrEnum):
    """What the rows of a file are."""

    CUSTOMERS = "CUSTOMERS"
    LOANS = "LOANS"


class ImportState(StrEnum):
    """How far an import has come."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_end(self) -> bool:
        """Whether the import will not move on any more."""
        return self in (ImportState.SUCCEEDED, ImportState.FAILED, ImportState.CANCELLED)


class IssueOutcome(StrEnum):
    """What became of a row that was not taken as it stood."""

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
"""How the instalments of an imported book follow from its terms."""


class LoanRow(NamedTuple):
    """A checked row of a loan file. Amounts in paise."""

    row_number: int
    customer_id: int
    source_loan_id: int
    """The sheet's Loan ID, which stands for another loan under another customer now and then."""
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
    """What is still owed of the loan amount, as `almeno_grpc.domain.installments.outstanding_after` says."""

    @property
    def approval_date(self) -> date:
        """The day of approval."""
        return date(self.approval_year, self.approval_month, self.approval_day)


R = TypeVar("R", CustomerRow, LoanRow)


@dataclass(frozen=True)
class _Columns(Generic[R]):
    """Checked rows laid out by columns. Nearly every row is stored without being looked at again: it is never made."""

    columns: Sequence[Sequence[Any]]
    """One a field of the row, in the order of the fields."""
    row: ClassVar[Any]
    """What a row is."""

    @classmethod
    def of(cls, rows: Sequence[R]) -> Self:
        """The same rows, by columns."""
        return cls(list(zip(*rows, strict=True)) or [()] * len(cls.row._fields))

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, places: slice) -> Self:
        return type(self)([column[places] for column in self.columns])

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
    """How many rows came to what; adjusted rows are counted among the others too."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    adjusted: int = 0

    @property
    def seen(self) -> int:
        """Rows that were looked at."""
        return self.inserted + self.updated + self.unchanged + self.rejected


@dataclass(frozen=True, slots=True)
class ImportFile:
    """One uploaded file on its way into the book. Instants in microseconds since the epoch."""

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
    error: str
    create_time: int
    start_time: int | None
    end_time: int | None
