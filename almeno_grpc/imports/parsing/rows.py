"""What the rows of a file become: batches of good rows with their adjustments, and issues of the rejected ones.

A table is checked column by column, as a whole; only rows with a fault are looked at one by one.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from almeno_grpc.domain import headings
from almeno_grpc.domain.imports import CustomerRows, ImportKind, IssueOutcome, LoanRows, RowIssue
from almeno_grpc.imports.parsing.cells import Adjusted, Fault
from almeno_grpc.imports.parsing.columns import Numbers, Values
from almeno_grpc.imports.parsing.loan_terms import decide_fractions, loan_columns
from almeno_grpc.imports.parsing.sheets import open_sheet
from almeno_grpc.imports.parsing.table import Table, read_table
from almeno_grpc.imports.sandbox.messages import FileEnd, FileOpened, Message, ReadingJob, RowBatch


def parse_file(job: ReadingJob, before_reading: Callable[[int], None] = lambda _: None) -> Iterator[Message]:
    """Reads and checks a file, and yields what came of it, as `almeno_grpc.imports.sandbox.messages` says.

    `before_reading` is called as by `open_sheet`.

    The rows come in the same order each time: customers in that of the sheet, loans in that of `_loan_order`, and
    behind the good rows those that are rejected.

    Raises:
        FileRefusedError: The file as a whole cannot be taken. Then nothing was yielded.
    """
    sheet = open_sheet(job.path, job.file_name, job.limits, before_reading)
    table = read_table(sheet, job.kind, job.columns, job.limits)
    order, columns = np.arange(len(table)), [column.values for column in table.columns.values()]
    customer_ids = columns[0]
    loan_ids = owner_ids = customer_ids[:0]
    if job.kind is ImportKind.LOANS:
        order, first = _loan_order(*columns[:2])
        # A faulty id is 0.
        first = first[columns[1][first] > 0]
        loan_ids, owner_ids = columns[1][first], customer_ids[first]
        decide_fractions(table)
        columns = loan_columns(table, job.book_date)
    known = np.unique(customer_ids[customer_ids > 0])
    yield FileOpened(len(table), _packed(known), _packed(loan_ids), _packed(owner_ids))
    rows_type = LoanRows if job.kind is ImportKind.LOANS else CustomerRows
    issues, all_rejected = _issues(table, job.kind)
    count = len(table) - len(all_rejected)
    order = np.concatenate([order[~np.isin(order, all_rejected)], np.array(all_rejected, dtype=np.int64)])
    for start in range(job.skip_rows, len(order), job.batch_rows):
        here = order[start : start + job.batch_rows]
        passed, rejected = np.split(here, [max(0, count - start)])
        # Put in order batch by batch: the first of them can be imported while the others are.
        rows = rows_type([_packed(column[passed]) for column in [table.row_numbers, *columns]])
        numbered = zip(here.tolist(), table.row_numbers[here].tolist(), strict=True)
        of_batch = {number: issues[place] for place, number in numbered if place in issues} if issues else {}
        yield RowBatch(rows, table.row_numbers[rejected].tolist(), of_batch)
    yield FileEnd()


def _loan_order(customer_ids: Numbers, loan_ids: Numbers) -> tuple[Numbers, Numbers]:
    """The order in which loans are imported, and the first row of each Loan ID, by ascending Loan ID.

    Loans come by customer, as the book keeps them, which a database takes in a fraction of the time; those whose Loan
    ID stands further up come last and as they stand, since the first is to keep the id.
    """
    _, first = np.unique(loan_ids, return_index=True)
    is_later = np.ones(len(loan_ids), dtype=bool)
    is_later[first] = False
    return np.lexsort((np.where(is_later, 0, loan_ids), np.where(is_later, 0, customer_ids), is_later)), first


def _issues(table: Table, kind: ImportKind) -> tuple[dict[int, list[RowIssue]], list[int]]:
    """What there is to say of the rows, by their places, and the places of those that cannot be taken."""
    adjusted, rejected = dict[int, list[RowIssue]](), dict[int, list[RowIssue]]()
    row_numbers = table.row_numbers.tolist()
    for heading, column in table.columns.items():
        for place, mark in column.marked(Adjusted):
            issue = RowIssue(row_numbers[place], IssueOutcome.ADJUSTED, heading, f"{heading} {mark.message}")
            adjusted.setdefault(place, []).append(issue)
        # An End Date that cannot be read is corrected, not rejected.
        for place, fault in column.marked(Fault) if heading != headings.END_DATE else ():
            issue = RowIssue(row_numbers[place], IssueOutcome.REJECTED, heading, f"{heading} {fault.message}")
            rejected.setdefault(place, []).append(issue)
    for place in table.overlong:
        message = "the row has more fields than there are headings; a field that holds a comma needs quotes"
        rejected.setdefault(place, []).append(RowIssue(row_numbers[place], IssueOutcome.REJECTED, "", message))
    _reject_differing(table, kind, rejected)
    return adjusted | rejected, sorted(rejected)


def _reject_differing(table: Table, kind: ImportKind, rejected: dict[int, list[RowIssue]]) -> None:
    """Rejects the rows whose key stood in an earlier good row that says something else of it."""
    keys = headings.KEYS[kind]
    values = [column.values for heading, column in table.columns.items() if heading != headings.END_DATE]
    first_rows: dict[tuple[Any, ...], tuple[int, tuple[Any, ...]]] = {}
    for place in _repeated(values[: len(keys)]):
        if place in rejected:
            continue
        number, row = int(table.row_numbers[place]), tuple(column[place] for column in values)
        first_number, first_row = first_rows.setdefault(row[: len(keys)], (number, row))
        if row != first_row:
            key = " of customer ".join(map(str, reversed(row[: len(keys)])))
            message = f"{keys[-1]} {key} stands already in row {first_number}, with other values; the first was kept"
            rejected[place] = [RowIssue(number, IssueOutcome.REJECTED, keys[-1], message)]


def _repeated(keys: Sequence[Numbers]) -> list[int]:
    """Places of the rows whose key stands more than once; a key is made of one number from each array."""
    order = np.lexsort(keys)
    is_same = np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys])
    return [int(place) for place in np.union1d(order[1:][is_same], order[:-1][is_same])]


def _packed(column: Values) -> Any:
    """The column as it crosses the pipe in one piece, to where no numpy is."""
    return column.tolist() if column.dtype == object else array("q", column.tobytes())
