"""Reading a sheet into a table: its columns found, its rows checked piece by piece, blank ones left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter

import numpy as np

from almeno_grpc.domain import headings
from almeno_grpc.domain import limits as book
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing import cells, days
from almeno_grpc.imports.parsing.cells import Amount, CellRule, WholeNumber
from almeno_grpc.imports.parsing.columns import Column, Numbers
from almeno_grpc.imports.parsing.headings import find_columns, find_export_columns
from almeno_grpc.imports.parsing.sheets import Sheet, is_blank
from almeno_grpc.imports.sandbox.messages import ReadingLimits
from almeno_grpc.imports.throttle import yield_cpu

_PIECE_CELLS = 200_000
_ID = WholeNumber(1, book.MAX_BOOK_ID)

RULES: dict[ImportKind, dict[str, CellRule]] = {
    ImportKind.CUSTOMERS: {
        headings.CUSTOMER_ID: _ID,
        headings.FIRST_NAME: cells.name,
        headings.LAST_NAME: cells.name,
        headings.AGE: WholeNumber(book.MIN_AGE, book.MAX_AGE),
        headings.PHONE_NUMBER: cells.phone_number,
        headings.MONTHLY_SALARY: Amount(1, book.MAX_MONTHLY_INCOME),
        headings.APPROVED_LIMIT: Amount(0, book.MAX_APPROVED_LIMIT),
    },
    ImportKind.LOANS: {
        headings.CUSTOMER_ID: _ID,
        headings.LOAN_ID: _ID,
        headings.LOAN_AMOUNT: Amount(book.MIN_LOAN_AMOUNT, book.MAX_LOAN_AMOUNT),
        headings.TENURE: WholeNumber(book.MIN_TENURE_MONTHS, book.MAX_TENURE_MONTHS),
        headings.INTEREST_RATE: cells.interest_rate,
        headings.MONTHLY_PAYMENT: Amount(1, book.MAX_MONTHLY_INSTALLMENT, rounds=True),
        headings.EMIS_PAID_ON_TIME: WholeNumber(0, book.MAX_ID),
        headings.DATE_OF_APPROVAL: days.approval_day,
        headings.END_DATE: days.day,
    },
}
"""What each column has to hold, in the order of the headings."""

EXPORT_RULES: dict[str, CellRule] = {
    headings.INSTALLMENTS_PAID: WholeNumber(0, book.MAX_TENURE_MONTHS),
    headings.PAID_TOWARD_NEXT: Amount(0, book.MAX_MONTHLY_INSTALLMENT),
    headings.INSTALLMENT_METHOD: cells.installment_method,
}
"""What the columns of `EXPORT_HEADINGS` have to hold."""


@dataclass(frozen=True)
class Table:
    """The rows of a file that hold anything."""

    row_numbers: Numbers
    """As a spreadsheet shows them."""
    columns: Mapping[str, Column]
    """By the headings of the kind, in their order; behind them those of an export, if it is one."""
    overlong: set[int]
    """Places of the rows that have more fields than there are headings, which only a CSV file can have."""

    def __len__(self) -> int:
        return len(self.row_numbers)


def read_table(sheet: Sheet, kind: ImportKind, named: Mapping[str, str], limits: ReadingLimits) -> Table:
    """Reads and checks all rows of a sheet; `named` are its headings by the book's, where the sender has named them.

    Raises:
        FileRefusedError: The file as a whole cannot be taken.
    """
    places = find_columns(kind, sheet.headings, named, sheet.title)
    exported = find_export_columns(kind, sheet.headings)
    pick = itemgetter(*places, *exported)
    width = len(sheet.headings)
    rules = RULES[kind] | (EXPORT_RULES if exported else {})
    columns = {heading: Column(rule) for heading, rule in rules.items()}
    row_numbers, overlong = list[int](), set[int]()
    numbered_rows = enumerate(sheet.rows, start=sheet.heading_row + 1)
    while rows := list(islice(numbered_rows, 1 + _PIECE_CELLS // width)):
        yield_cpu()
        picked = []
        for number, row in rows:
            cells_here = pick(row)
            if is_blank(cells_here):
                continue
            if any(row[width:]):
                overlong.add(len(row_numbers))
            row_numbers.append(number)
            picked.append(cells_here)
        if len(row_numbers) > limits.rows:
            raise FileRefusedError(f"the file has more than {limits.rows:,} rows; split it into several files")
        for column, of_column in zip(columns.values(), zip(*picked, strict=True), strict=False):
            column.extend(of_column)
    for column in columns.values():
        column.finish()
    return Table(np.array(row_numbers, dtype=np.int64), columns, overlong)
