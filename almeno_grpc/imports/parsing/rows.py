"""Checking the rows of a table: what each becomes, and what is said of those that do not fit.

A table is checked column by column, as a whole; only rows with a fault are looked at one by one.
"""

from array import array
from collections.abc import Iterator
from datetime import date
from itertools import starmap
from typing import Any

import numpy as np

from almeno_grpc.domain import limits
from almeno_grpc.domain.imports import ImportKind, IssueOutcome
from almeno_grpc.giving_way import give_way
from almeno_grpc.imports.parsing import cells, headings
from almeno_grpc.imports.parsing.cells import Amount, CellRule, PhoneNumber, WholeNumber
from almeno_grpc.imports.parsing.columns import ParsedColumn, Values
from almeno_grpc.imports.parsing.earlier_rows import EarlierRows, FirstRows
from almeno_grpc.imports.sandbox.messages import IssueFields, LoanNumbers, PackedBatch
from almeno_grpc.imports.parsing.loan_terms import settled
from almeno_grpc.imports.parsing.table import BookTable
from almeno_grpc.imports.parsing.row_order import LoanOrder, repeated
from almeno_grpc.imports.parsing.short_cells import Numbers, packed

_ID = WholeNumber(1, limits.MAX_BOOK_ID)

RULES: dict[ImportKind, dict[str, CellRule]] = {
    ImportKind.CUSTOMERS: {
        headings.CUSTOMER_ID: _ID,
        headings.FIRST_NAME: cells.name,
        headings.LAST_NAME: cells.name,
        headings.AGE: WholeNumber(limits.MIN_AGE, limits.MAX_AGE),
        headings.PHONE_NUMBER: PhoneNumber(),
        headings.MONTHLY_SALARY: Amount(1, limits.MAX_MONTHLY_INCOME),
        headings.APPROVED_LIMIT: Amount(0, limits.MAX_APPROVED_LIMIT),
    },
    ImportKind.LOANS: {
        headings.CUSTOMER_ID: _ID,
        headings.LOAN_ID: _ID,
        headings.LOAN_AMOUNT: Amount(limits.MIN_LOAN_AMOUNT, limits.MAX_LOAN_AMOUNT),
        headings.TENURE: WholeNumber(limits.MIN_TENURE_MONTHS, limits.MAX_TENURE_MONTHS),
        headings.INTEREST_RATE: cells.interest_rate,
        headings.MONTHLY_PAYMENT: Amount(1, limits.MAX_MONTHLY_INSTALLMENT),
        headings.EMIS_PAID_ON_TIME: WholeNumber(0, limits.MAX_ID),
        headings.DATE_OF_APPROVAL: cells.approval_day,
        headings.END_DATE: cells.day,
    },
}
"""What each column has to hold, in the order of the headings."""

_CLOSER_LOOK = 8
"""How many times longer a loan takes to land whose number stands further up."""


class RowChecker:
    """Checks the rows of one table.

    Customers come in the order of the sheet. Loans come in the order of their customers, as the book keeps them: a
    database takes rows that come in the order of its key in a fraction of the time. Those whose Loan ID stands further
    up in the sheet come last, since the first is to keep the number.
    """

    def __init__(self, table: BookTable, kind: ImportKind, book_date: date, earlier: EarlierRows | None = None) -> None:
        """Reads the keys of all rows.

        Args:
            table: The rows as they were read.
            kind: What the rows are.
            book_date: The day on which the lender wrote the book: instalments due by then count as paid.
            earlier: The customers in the tables before, if the file is read as several; this one's are added. Loans
                come as one table, for their numbers and their order are those of the whole file.
        """
        self._earlier = earlier
        self._table = table
        self._kind = kind
        self._book_date = book_date
        self._columns = {heading: self._parsed(heading) for heading in headings.KEYS[kind]}
        self._loan_order = (
            LoanOrder(*(column.values for column in self._columns.values())) if kind is ImportKind.LOANS else None
        )

    def loan_numbers(self) -> LoanNumbers:
        """The Loan IDs of loans, each with the customer under whom it stands first in the sheet.

        Those of rows that turn out to be at fault are among them, those that are no numbers are not.
        """
        if self._loan_order is None:
            return LoanNumbers(array("q"), array("q"))
        return LoanNumbers(*self._loan_order.first_owners())

    def batches(self, *, skip_rows: int = 0, batch_rows: int = 1_000) -> Iterator[PackedBatch]:
        """Yields batches that together cover every row after the skipped ones. To be asked for once.

        Args:
            skip_rows: How many of the first rows to leave out. They still count when a key comes again.
            batch_rows: How many rows a batch covers. The last covers fewer, and so do those of loans whose numbers are
                given: such a loan takes several times as long to land, and others wait for the end of its batch.
        """
        columns = self._columns
        columns |= {heading: self._parsed(heading) for heading in RULES[self._kind] if heading not in columns}
        rejections = self._rejections(columns)
        values: dict[str, Values] = {heading: column.values for heading, column in columns.items()}
        issues = {place: list(starmap(_rejection, faults)) for place, faults in rejections.items()}
        if self._loan_order is None:
            order, first_count = np.arange(len(self._table)), len(self._table)
            packable = list(values.values())
        else:
            order, first_count = self._loan_order.landing_order()
            packable, adjusted = settled(self._table, values, self._book_date, set(rejections))
            issues |= adjusted
        yield from _Rows(self._table.row_numbers, packable, set(rejections), issues, order).batches(
            _runs(skip_rows, len(self._table), batch_rows, first_count)
        )

    def _parsed(self, heading: str) -> ParsedColumn:
        return self._table.parsed(heading, RULES[self._kind][heading])

    def _rejections(self, columns: dict[str, ParsedColumn]) -> dict[int, list["_Fault"]]:
        """What is wrong with the rows that cannot be taken, by their places."""
        rejections: dict[int, list[_Fault]] = {}
        numbers = self._table.row_numbers
        for heading in RULES[self._kind]:
            # An End Date that cannot be read is corrected, not rejected.
            if heading != headings.END_DATE:
                for place, fault in columns[heading].faults.items():
                    rejections.setdefault(place, []).append((int(numbers[place]), heading, fault.message))
        if self._table.overlong_rows:
            message = "the row has more fields than there are headings; a field that holds a comma needs quotes"
            for place in np.flatnonzero(np.isin(numbers, [*self._table.overlong_rows])).tolist():
                rejections.setdefault(place, []).append((int(numbers[place]), "", message))
        self._reject_differing(columns, rejections)
        return rejections

    def _reject_differing(self, columns: dict[str, ParsedColumn], rejections: dict[int, list["_Fault"]]) -> None:
        """Rejects the rows whose key stood in an earlier good row that says something else of it."""
        keys = headings.KEYS[self._kind]
        values = [columns[heading].values for heading in RULES[self._kind] if heading != headings.END_DATE]
        numbers = self._table.row_numbers
        first_rows: FirstRows = {}
        places = repeated(values[: len(keys)])
        if self._earlier is not None:
            first_rows = self._earlier.first_rows(values[0])
            again = np.flatnonzero(np.isin(values[0], [key for (key,) in first_rows])) if first_rows else ()
            places = sorted({*places, *map(int, again)})
        for place in places:
            if place in rejections:
                continue
            number, row = int(numbers[place]), tuple(column[place] for column in values)
            first_number, first_row = first_rows.setdefault(row[: len(keys)], (number, row))
            if row != first_row:
                key = " of customer ".join(map(str, reversed(row[: len(keys)])))
                message = f"{key} stands already in row {first_number}, with other values; the first row was kept"
                rejections[place] = [(number, keys[-1], message)]
        if self._earlier is not None:
            self._earlier.extend(numbers, values, rejections)


_Fault = tuple[int, str, str]
"""The number of a row, the heading of the column in question or nothing, and what is wrong."""


class _Rows:
    """Checked rows of a table in the order in which they land."""

    def __init__(
        self,
        row_numbers: Numbers,
        columns: list[Values],
        rejected: set[int],
        issues: dict[int, list[IssueFields]],
        order: Numbers,
    ) -> None:
        """Takes the rows.

        Args:
            row_numbers: Of the rows, by their places in the table; the next three, too.
            columns: Their values.
            rejected: Which of them are not taken.
            issues: What is said of them.
            order: The places in the order to land in.
        """
        self._columns = [row_numbers, *columns]
        self._is_good = np.ones(len(order), dtype=bool)
        self._is_good[[*rejected]] = False
        self._has_issue = np.zeros(len(order), dtype=bool)
        self._has_issue[[*issues]] = True
        self._issues = issues
        self._order = order

    def batches(self, runs: Iterator[tuple[int, int]]) -> Iterator[PackedBatch]:
        """Yields the rows of each run, from one place up to another one."""
        for start, stop in runs:
            places = self._order[start:stop]
            good = self._is_good[places]
            rejected = np.flatnonzero(~good)
            rejected_rows = list(zip(rejected.tolist(), self._columns[0][places[rejected]].tolist(), strict=True))
            issues = [issue for place in places[self._has_issue[places]].tolist() for issue in self._issues[place]]
            issues.sort(key=lambda issue: issue[0])
            # Put in order batch by batch: the first of them can land while the others are.
            places = places[good]
            columns = [_packed(column[places]) for column in self._columns]
            yield PackedBatch(len(good), tuple(columns), issues, rejected_rows)


def _packed(column: Values) -> Any:
    give_way()
    return column.tolist() if column.dtype == object else packed(column)


def _runs(start: int, stop: int, rows: int, first_count: int) -> Iterator[tuple[int, int]]:
    """Cuts the places from `start` up to `stop` into runs of so many rows, or fewer from `first_count` on."""
    while start < stop:
        is_first = start < first_count
        end = min(start + rows, first_count) if is_first else start + max(1, rows // _CLOSER_LOOK)
        yield start, min(end, stop)
        start = end


def _rejection(number: int, heading: str, message: str) -> IssueFields:
    return number, IssueOutcome.REJECTED, heading, f"{heading} {message}" if heading else message
