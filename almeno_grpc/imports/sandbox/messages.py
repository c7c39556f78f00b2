"""What a reading process is told, a `ReadingJob`, and what it tells the one that started it, frame after frame.

First `FileOpened`, or `FileRefused` and nothing more; then `LoanNumbers`; then `PackedBatch`es
over every row, always in the same order; at the end `FileDone`. `ReadingFailed` may come at any point: the reader
itself has a fault.
"""

import pickle
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import starmap
from pathlib import Path
from typing import Any

from almeno_grpc.domain.imports import CustomerRows, ImportKind, IssueOutcome, LoanRows, RowIssue

ONLY_LEFTOVERS = "only-leftovers"
"""On the command line of a reading process: to take only what others leave of the processors."""
IssueFields = tuple[int, IssueOutcome, str, str]
"""The fields of a `RowIssue`, in order."""


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
    """Where it lies."""
    kind: ImportKind
    """What its rows are."""
    file_name: str
    """The name its sender gave it; only its ending counts."""
    book_date: date
    """The day on which the lender wrote the book: instalments due by then count as paid."""
    limits: ReadingLimits
    """How much the file may ask for."""
    skip_rows: int = 0
    """Rows from the top that are not wanted, because an earlier run has dealt with them. Blank rows do not count."""
    batch_rows: int = 1_000
    """Rows a batch covers."""


@dataclass(frozen=True, slots=True)
class FileOpened:
    """The file is sound as a whole; its rows follow."""

    rows_total: int


@dataclass(frozen=True, slots=True)
class FileRefused:
    """The file as a whole cannot be taken; none of its rows will come."""

    message: str
    """A sentence for the person who sent the file."""


@dataclass(frozen=True, slots=True)
class LoanNumbers:
    """Loan IDs of a file, each with its customer, in their order: whole numbers side by side, 16 bytes for both."""

    loan_ids: "array[int]"
    customer_ids: "array[int]"

    def __len__(self) -> int:
        return len(self.loan_ids)

    def in_runs(self, rows: int, first: int = 0) -> "Iterator[LoanNumbers]":
        """Yields them all from one place on, so many at a time."""
        for start in range(first, len(self), rows):
            yield LoanNumbers(self.loan_ids[start : start + rows], self.customer_ids[start : start + rows])


@dataclass(frozen=True, slots=True)
class FileDone:
    """Every row has been sent."""


@dataclass(frozen=True, slots=True)
class ReadingFailed:
    """The reader ran into a fault of its own. Holds no cell of the file."""

    place: str


@dataclass(frozen=True)
class RowBatch:
    """What a run of rows of the sheet became."""

    rows_seen: int
    """Rows of the sheet covered, rejected ones included, blank ones not."""
    rows: CustomerRows | LoanRows
    """The rows that passed, adjusted where an issue says so."""
    issues: list[RowIssue]
    """In the order of the rows; a rejected row has one for each fault."""
    rejected: Sequence[tuple[int, int]] = ()
    """Place in the batch, in order, and number of each row that did not pass."""

    def part(self, start: int, stop: int) -> "RowBatch":
        """The batch of the rows from place `start` up to `stop`."""
        first, last = (bisect_left(self.rejected, (place,)) for place in (start, stop))
        rows = self.rows[start - first : stop - last]
        rejected = [(place - start, number) for place, number in self.rejected[first:last]]
        issues: list[RowIssue] = []
        if self.issues:
            numbers = sorted([*rows.columns[0], *(number for _, number in rejected)])
            issues = [issue for number in numbers for issue in self._issues_by_row.get(number, ())]
        return RowBatch(min(stop, self.rows_seen) - start, rows, issues, rejected)

    @cached_property
    def _issues_by_row(self) -> dict[int, list[RowIssue]]:
        # A batch is cut into thousands of parts while others wait: none may look through all issues.
        issues = defaultdict[int, list[RowIssue]](list)
        for issue in self.issues:
            issues[issue.row_number].append(issue)
        return issues


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """A `RowBatch` without its objects, which crosses a pipe in a fraction of the time that those would take."""

    rows_seen: int
    columns: tuple[Sequence[Any], ...]
    """One a field of `CustomerRow` or `LoanRow`, in their order: of numbers side by side, or of texts."""
    issues: list[IssueFields]
    rejected: list[tuple[int, int]]

    def unpack(self, kind: ImportKind) -> RowBatch:
        """Builds the issues."""
        rows = CustomerRows(self.columns) if kind is ImportKind.CUSTOMERS else LoanRows(self.columns)
        return RowBatch(self.rows_seen, rows, list(starmap(RowIssue, self.issues)), self.rejected)


Frame = FileOpened | FileRefused | LoanNumbers | PackedBatch | FileDone | ReadingFailed

_HEAD_BYTES = 8
"""In which the length of a pickled frame goes before it through the pipe."""


def written(frame: Frame) -> tuple[bytes, bytes]:
    """A frame as it goes through the pipe: its head, and the rest."""
    content = pickle.dumps(frame)
    return len(content).to_bytes(_HEAD_BYTES, "big"), content


def is_whole(received: bytearray) -> bool:
    """Whether all bytes of the first frame have come."""
    return len(received) >= _HEAD_BYTES and len(received) >= _end_of_first(received)


def take_first(received: bytearray) -> Frame:
    """Takes the first frame, which is whole, off what has come from a process that this one has started."""
    end = _end_of_first(received)
    with memoryview(received) as whole, whole[_HEAD_BYTES:end] as content:
        # Nobody else can write there.
        frame: Frame = pickle.loads(content)  # noqa: S301
    del received[:end]
    return frame


def _end_of_first(received: bytearray) -> int:
    return _HEAD_BYTES + int.from_bytes(received[:_HEAD_BYTES], "big")
