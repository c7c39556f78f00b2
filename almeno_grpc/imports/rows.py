"""Checking the rows of a table: what each becomes, and what is said of those that do not fit.

A run of rows is checked column by column; only rows with a fault are looked at one by one.
"""

from array import array
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from itertools import compress
from typing import Any

from almeno_grpc.domain import limits
from almeno_grpc.domain.imports import ImportKind, IssueOutcome
from almeno_grpc.domain.installments import outstanding_in_equal_parts
from almeno_grpc.domain.months import due_date, emis_due
from almeno_grpc.imports import cells, headings
from almeno_grpc.imports.cells import CellRule, Fault, Parsed, WholeNumber
from almeno_grpc.imports.frames import IssueFields, LoanNumbers, PackedBatch
from almeno_grpc.imports.reading import BookTable, first_owners, landing_order, rearranged, repeated

_ID = cells.WholeNumber(1, limits.MAX_BOOK_ID)

RULES: dict[ImportKind, dict[str, CellRule]] = {
    ImportKind.CUSTOMERS: {
        headings.CUSTOMER_ID: _ID,
        headings.FIRST_NAME: cells.name,
        headings.LAST_NAME: cells.name,
        headings.AGE: cells.WholeNumber(limits.MIN_AGE, limits.MAX_AGE),
        headings.PHONE_NUMBER: cells.phone_number,
        headings.MONTHLY_SALARY: cells.amount(1, limits.MAX_MONTHLY_INCOME),
        headings.APPROVED_LIMIT: cells.amount(0, limits.MAX_APPROVED_LIMIT),
    },
    ImportKind.LOANS: {
        headings.CUSTOMER_ID: _ID,
        headings.LOAN_ID: _ID,
        headings.LOAN_AMOUNT: cells.amount(limits.MIN_LOAN_AMOUNT, limits.MAX_LOAN_AMOUNT),
        headings.TENURE: cells.WholeNumber(limits.MIN_TENURE_MONTHS, limits.MAX_TENURE_MONTHS),
        headings.INTEREST_RATE: cells.interest_rate,
        headings.MONTHLY_PAYMENT: cells.amount(1, limits.MAX_MONTHLY_INSTALLMENT),
        headings.EMIS_PAID_ON_TIME: cells.WholeNumber(0, limits.MAX_ID),
        headings.DATE_OF_APPROVAL: cells.approval_day,
        headings.END_DATE: cells.day,
    },
}
"""What each column has to hold, in the order of the headings."""

_CLOSER_LOOK = 8
"""How many times longer a loan takes to land whose number stands further up."""

_emis_due = lru_cache(maxsize=100_000)(emis_due)


class RowChecker:
    """Checks the rows of one table.

    Customers come in the order of the sheet. Loans come in the order of their customers, as the book keeps them: a
    database takes rows that come in the order of its key in a fraction of the time. Those whose Loan ID stands further
    up in the sheet come last, since the first is to keep the number.
    """

    def __init__(self, table: BookTable, kind: ImportKind, book_date: date) -> None:
        """Reads the keys of all rows.

        Args:
            table: The rows as they were read.
            kind: What the rows are.
            book_date: The day on which the lender wrote the book: instalments due by then count as paid.
        """
        self._table = table
        self._kind = kind
        self._book_date = book_date
        self._parsed = {heading: Parsed(rule) for heading, rule in RULES[kind].items()}
        self._keys = {heading: self._parse(heading) for heading in headings.KEYS[kind]}
        self._first_count = len(table)
        """Rows before those whose number has been given to a row above."""
        self._repeated: set[int] = set()
        """Positions of the rows whose key stands more than once in the file, so that only their keys are kept."""
        self._first_rows: dict[tuple[Any, ...], tuple[int, tuple[Any, ...]]] = {}
        """Number and values of the first good row of each such key."""

    def loan_numbers(self) -> LoanNumbers:
        """Each Loan ID of the file once, in their order, with the customer it stands under first; none of customers.

        To be asked for before the batches.
        """
        if self._kind is not ImportKind.LOANS:
            return LoanNumbers(array("q"), array("q"))
        return LoanNumbers(*first_owners(*map(_numbers, reversed(self._keys.values()))))

    def batches(self, *, skip_rows: int = 0, batch_rows: int = 1_000) -> Iterator[PackedBatch]:
        """Yields batches that together cover every row after the skipped ones. To be asked for once.

        Args:
            skip_rows: How many of the first rows to leave out. They still count when a key comes again.
            batch_rows: How many rows a batch covers. The last covers fewer, and so do those of loans whose numbers are
                given: such a loan takes several times as long to land, and others wait for the end of its batch.
        """
        if self._kind is ImportKind.LOANS:
            self._put_in_order()
        self._repeated = repeated(list(map(_numbers, self._keys.values())))
        for start, stop in self._runs(0, min(skip_rows, len(self._table)), batch_rows):
            self._check(start, stop)
        for start, stop in self._runs(skip_rows, len(self._table), batch_rows):
            yield self._check(start, stop)

    def _runs(self, start: int, stop: int, rows: int) -> Iterator[tuple[int, int]]:
        """Cuts the positions from `start` up to `stop` into runs of so many rows, or fewer."""
        while start < stop:
            is_first = start < self._first_count
            end = min(start + rows, self._first_count) if is_first else start + max(1, rows // _CLOSER_LOOK)
            yield start, min(end, stop)
            start = end

    def _put_in_order(self) -> None:
        places, self._first_count = landing_order(*map(_numbers, self._keys.values()))
        self._table = self._table.rearranged(places)
        self._keys = {name: rearranged(column, places) for name, column in self._keys.items()}

    def _parse(self, heading: str, start: int = 0, stop: int | None = None) -> list[Any]:
        rule = RULES[self._kind][heading]
        plain = (
            self._table.whole_numbers(heading, rule.least, rule.most, start, stop)
            if isinstance(rule, WholeNumber)
            else None
        )
        return plain or list(map(self._parsed[heading].__getitem__, self._table.column(heading, start, stop)))

    def _check(self, start: int, stop: int) -> PackedBatch:
        """Checks the rows from position `start` up to `stop`."""
        numbers = self._table.row_numbers(start, stop)
        columns: dict[str, list[Any]] = {}
        for heading in self._parsed:
            keys = self._keys.get(heading)
            columns[heading] = keys[start:stop] if keys else self._parse(heading, start, stop)
        rejected = self._faults(numbers, columns)
        if self._repeated:
            self._reject_differing(start, numbers, columns, rejected)
        end_dates = self._table.column(headings.END_DATE, start, stop) if self._kind is ImportKind.LOANS else []
        rejected_rows = [(place, numbers[place]) for place in sorted(rejected)]
        if rejected:
            good = [place not in rejected for place in range(len(numbers))]
            numbers = list(compress(numbers, good))
            columns = {heading: list(compress(column, good)) for heading, column in columns.items()}
            end_dates = list(compress(end_dates, good))
        issues = [issue for faults in rejected.values() for issue in faults]
        if self._kind is ImportKind.LOANS:
            packed, adjusted = _settle_loans(numbers, columns, end_dates, self._book_date)
            issues += adjusted
        else:
            packed = (numbers, *columns.values())
        issues.sort(key=lambda issue: issue[0])
        return PackedBatch(stop - start, packed, issues, rejected_rows)

    def _faults(self, numbers: list[int], columns: dict[str, list[Any]]) -> dict[int, list[IssueFields]]:
        """The faults of single cells and of rows that are too long, by place in the run."""
        rejected: dict[int, list[IssueFields]] = {}
        for heading, column in columns.items():
            # An End Date that cannot be read is corrected, not rejected.
            if heading == headings.END_DATE or Fault not in set(map(type, column)):
                continue
            for place, value in enumerate(column):
                if isinstance(value, Fault):
                    rejected.setdefault(place, []).append(_rejection(numbers[place], heading, value.message))
        for place, number in enumerate(numbers) if self._table.overlong_rows else ():
            if number in self._table.overlong_rows:
                message = "the row has more fields than there are headings; a field that holds a comma needs quotes"
                rejected.setdefault(place, []).append(_rejection(number, "", message))
        return rejected

    def _reject_differing(
        self, start: int, numbers: list[int], columns: dict[str, list[Any]], rejected: dict[int, list[IssueFields]]
    ) -> None:
        """Rejects the rows whose key stood in an earlier good row that says something else of it."""
        values = [column for heading, column in columns.items() if heading != headings.END_DATE]
        key_length = len(self._keys)
        for place, number in enumerate(numbers):
            if start + place not in self._repeated or place in rejected:
                continue
            row = tuple(column[place] for column in values)
            first_number, first_row = self._first_rows.setdefault(row[:key_length], (number, row))
            if row != first_row:
                key = " and ".join(f"{heading} {value}" for heading, value in zip(self._keys, row, strict=False))
                message = f"{key} stand already in row {first_number}, with other values; the first row was kept"
                rejected[place] = [_rejection(number, [*self._keys][-1], message)]


def _numbers(keys: list[Any]) -> list[int]:
    """The keys as numbers, with 0 for one that has a fault; its row is never taken, whatever it is mixed up with."""
    return [0 if isinstance(key, Fault) else key for key in keys] if Fault in set(map(type, keys)) else keys


def _rejection(number: int, heading: str, message: str) -> IssueFields:
    return number, IssueOutcome.REJECTED, heading, f"{heading} {message}" if heading else message


def _settle_loans(
    numbers: list[int], columns: dict[str, list[Any]], end_dates: list[object], book_date: date
) -> tuple[tuple[list[Any], ...], list[IssueFields]]:
    """Works out what follows from the good rows of loans, and corrects what does not follow.

    Args:
        numbers: The rows' numbers.
        columns: Their values by heading; of End Date a fault where it could not be read.
        end_dates: The End Date cells as they were found.
        book_date: The day by which instalments count as due.

    Returns:
        The fields of `BookLoan` as columns, and the corrections as issues.
    """
    issues: list[IssueFields] = []
    emis_paid: list[int] = []
    emis_on_time: list[int] = []
    outstanding: list[int] = []
    places = zip(
        numbers,
        columns[headings.LOAN_AMOUNT],
        columns[headings.TENURE],
        columns[headings.EMIS_PAID_ON_TIME],
        columns[headings.DATE_OF_APPROVAL],
        columns[headings.END_DATE],
        end_dates,
        strict=True,
    )
    for number, loan_amount, tenure, stated_on_time, approval, stated_end, end_cell in places:
        on_time = stated_on_time
        if on_time > tenure:
            on_time = tenure
            message = f"EMIs paid on Time {stated_on_time} corrected to {tenure}, the tenure"
            issues.append((number, IssueOutcome.ADJUSTED, headings.EMIS_PAID_ON_TIME, message))
        if not _is_plainly_due(stated_end, approval, tenure) and stated_end != (end := due_date(approval, tenure)):
            message = f"End Date {cells.quoted(end_cell)} corrected to {end}, {tenure} months after approval"
            issues.append((number, IssueOutcome.ADJUSTED, headings.END_DATE, message))
        emis_on_time.append(on_time)
        # Asked for the longest tenure, the answer is the same for every loan approved on that day.
        due = _emis_due(approval, limits.MAX_TENURE_MONTHS, book_date)
        paid = min(tenure, max(on_time, due))
        emis_paid.append(paid)
        outstanding.append(outstanding_in_equal_parts(loan_amount, tenure, paid))
    packed = (
        numbers,
        columns[headings.CUSTOMER_ID],
        columns[headings.LOAN_ID],
        columns[headings.LOAN_AMOUNT],
        columns[headings.TENURE],
        columns[headings.INTEREST_RATE],
        columns[headings.MONTHLY_PAYMENT],
        emis_paid,
        emis_on_time,
        columns[headings.DATE_OF_APPROVAL],
        outstanding,
    )
    return packed, issues


def _is_plainly_due(end: date | Fault, approval: date, tenure_months: int) -> bool:
    """Whether the date is so many months on, on the same day of the month: then nothing can have been clipped.

    Spares nearly every row the reckoning of its due date; False says nothing.
    """
    return (
        isinstance(end, date)
        and end.day == approval.day
        and (end.year - approval.year) * 12 + end.month - approval.month == tenure_months
    )
