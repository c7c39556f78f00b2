"""What the reading process is sent, a `ReadingJob`, and what it sends back, as pickles one after the other.

First `FileOpened`; then `RowBatch`es over every row, always in the same order; at the end `FileEnd`. A file that is
refused comes to a `FileEnd` alone.
"""

from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
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
    """Address space of the process that reads the file."""
    seconds: int = 15 * 60
    """Until the file is known to be sound as a whole, and again between any two batches."""


@dataclass(frozen=True, slots=True)
class ReadingJob:
    """A file to be read."""

    path: Path
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
    loan_ids: "array[int]"
    """The Loan IDs of the file in their order, each once. None of customers, or where rows are skipped."""
    owner_ids: "array[int]"
    """For each of them the customer under whom it stands first."""


@dataclass(frozen=True, slots=True)
class FileEnd:
    """Every row has been sent, unless one of the texts says why not."""

    refusal: str = ""
    """Why the file as a whole cannot be taken, for the person who sent it."""
    fault: str = ""
    """The place in the code where the reader itself has failed; never a cell of the file."""


@dataclass(frozen=True)
class RowBatch:
    """Rows that passed, or rows that were rejected; never both."""

    rows: CustomerRows | LoanRows
    """The rows that passed, adjusted where an issue says so: by columns, whole numbers as arrays."""
    issues: list[RowIssue]
    """A rejected row has one for each fault."""
    rejected: int = 0
    """How many rows were rejected."""

    def __len__(self) -> int:
        return len(self.rows) + self.rejected

    def part(self, start: int, stop: int) -> "RowBatch":
        """The batch of the rows from one place up to another; rejected ones stay together."""
        if self.rejected or (start == 0 and stop >= len(self)):
            return self
        rows = self.rows[start:stop]
        issues = [issue for number in rows.columns[0] for issue in self._issues_by_row.get(number, ())]
        return RowBatch(rows, issues if self.issues else [])

    @cached_property
    def _issues_by_row(self) -> dict[int, list[RowIssue]]:
        # A batch is cut into many parts while calls wait: none may look through all issues.
        issues = defaultdict[int, list[RowIssue]](list)
        for issue in self.issues:
            issues[issue.row_number].append(issue)
        return issues


Message = FileOpened | RowBatch | FileEnd
