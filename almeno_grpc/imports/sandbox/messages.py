"""What the reading process is sent, a `ReadingJob`, and what it sends back, as pickles one after the other.

First `FileOpened`; then `RowBatch`es over every row, always in the same order; at the end `FileEnd`. A file that is
refused comes to a `FileEnd` alone.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from almeno_grpc.domain.imports import CustomerRows, ImportKind, LoanRows, RowIssue


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """How much a file may ask for before it is refused."""

    unpacked_bytes: int = 2**30
    """Of all parts of a workbook together, once unpacked."""
    rows: int = 2_000_000
    """Rows that hold anything, the headings not counted."""
    memory_bytes: int = 4 * 2**30
    """Address space of the process that reads the file; one of few bytes is given less."""
    seconds: int = 15 * 60
    """Until the file is known to be sound as a whole, and again between any two batches."""


@dataclass(frozen=True, slots=True)
class ReadingJob:
    """A file to be read."""

    path: Path
    """May be a descriptor's, `/dev/fd/5`. On macOS to open that is to go on where it was read before: seek first."""
    kind: ImportKind
    """What its rows are."""
    file_name: str
    """The name its sender gave it; only its ending counts."""
    columns: Mapping[str, str]
    """The file's headings by the book's, where the sender has named them."""
    book_date: date
    """The day on which the lender wrote the book: instalments due by then count as paid."""
    limits: ReadingLimits
    skip_rows: int = 0
    """Rows in the order of the batches that are not wanted, because an earlier run has imported them."""
    batch_rows: int = 1_000
    """The most rows of a batch."""


@dataclass(frozen=True, slots=True)
class FileOpened:
    """The file is sound as a whole; its rows follow."""

    rows_total: int
    """Rows that hold anything, the headings not counted."""
    customer_ids: "array[int]"
    """The Customer IDs of the file, ascending, each once."""
    loan_ids: "array[int]"
    """The Loan IDs of the file, ascending, each once. A file of customers has none."""
    owner_ids: "array[int]"
    """For each Loan ID the customer under whom it stands first; 0 where that is faulty."""


@dataclass(frozen=True, slots=True)
class FileEnd:
    """Every row has been sent, unless one of the texts says why not."""

    refusal: str = ""
    """Why the file as a whole cannot be taken, for the person who sent it."""
    fault: str = ""
    """The place in the code where the reader itself has failed; never a cell of the file."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows of a file: those that passed, and behind them those that were rejected."""

    rows: CustomerRows | LoanRows
    """The rows that passed, adjusted where an issue says so: by columns, whole numbers as arrays."""
    rejected: Sequence[int] = ()
    """The numbers of the rows that were rejected."""
    issues: Mapping[int, Sequence[RowIssue]] = field(default_factory=dict)
    """By the numbers of the rows. A rejected row has one for each fault."""

    def __len__(self) -> int:
        return len(self.rows) + len(self.rejected)

    def part(self, start: int, stop: int) -> "RowBatch":
        """The rows from one place up to another, with the issues of all: a batch is cut into many parts."""
        passed = len(self.rows)
        rejected = self.rejected[max(0, start - passed) : max(0, stop - passed)]
        return RowBatch(self.rows[start:stop], rejected, self.issues)

    def issues_here(self) -> Iterator[RowIssue]:
        """The issues of these rows."""
        if self.issues:
            for row_number in [*self.rows.columns[0], *self.rejected]:
                yield from self.issues.get(row_number, ())


Message = FileOpened | RowBatch | FileEnd
