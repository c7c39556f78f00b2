"""Changes of customers and loans in the database: inserted once, never updated."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, select

from almeno_grpc.domain.customer_change import ChangeSource, CustomerChange, FieldChange, NewChange
from almeno_grpc.domain.sheet_versions import SheetChange
from almeno_grpc.storage.audit_rows import CUSTOMER_CHANGE
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.bulk import BulkInsert, batches_of
from almeno_grpc.storage.compiled import CompiledStatement
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.tables import customer_change as table
from almeno_grpc.storage.tables import import_file

_INSERT = BulkInsert(table)
_LAST_NUMBERS = KeyedStatement(
    select(table.c.customer_id, func.max(table.c.number)).group_by(table.c.customer_id), table.c.customer_id
)
# A page token may hold a number beyond any that the column holds.
_PAGE = CompiledStatement(
    select(table)
    .where(table.c.customer_id == bindparam("customer_id"), table.c.number > bindparam("after", type_=BigInteger))
    .order_by(table.c.number)
    .limit(bindparam("count")),
    "customer_id",
    "after",
    "count",
)
_OF_SHEETS = KeyedStatement(
    select(table.c.loan_id, table.c.import_id, table.c.field, table.c.old_value, table.c.new_value)
    .where(table.c.loan_id.is_not(None), table.c.import_id.is_not(None))
    .order_by(table.c.customer_id, table.c.number),
    table.c.customer_id,
)
# The imports are not divided by customer_id.
_BOOK_DATES = KeyedStatement(select(import_file.c.import_id, import_file.c.book_date), import_file.c.import_id)


class CustomerChanges:
    """The changes of customers and their loans, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection
        self._audit = transaction.audit

    def add(self, changes: Sequence[NewChange], create_time: int) -> None:
        """By bulk inserts."""
        if changes:
            numbers = self._last_numbers({each.customer_id for each in changes})
            rows = []
            for each in changes:
                numbers[each.customer_id] += 1
                rows.append(_row(each, numbers[each.customer_id], create_time))
            _INSERT.insert(self._connection, list(zip(*rows, strict=True)))
            self._audit.note(CUSTOMER_CHANGE.inserted(rows))

    def page(self, customer_id: int, after: int, count: int) -> list[CustomerChange]:
        """In the order of the primary key."""
        return list(map(_change, _PAGE.rows(self._connection, customer_id, after, count)))

    def of_sheets(self, customer_ids: Collection[int]) -> dict[int, list[SheetChange]]:
        """By the primary key, and the dates by that of the imports."""
        rows = [row for some in batches_of(set(customer_ids)) for row in _OF_SHEETS.rows(self._connection, some)]
        import_ids = {import_id for _, import_id, *_ in rows}
        batches = (_BOOK_DATES.rows(self._connection, some) for some in batches_of(import_ids))
        dates = {import_id: book_date for found in batches for import_id, book_date in found}
        changes = defaultdict[int, list[SheetChange]](list)
        for loan_id, import_id, *change in rows:
            changes[loan_id].append(SheetChange(dates[import_id], FieldChange(*change)))
        return changes

    def _last_numbers(self, customer_ids: set[int]) -> Counter[int]:
        batches = (_LAST_NUMBERS.rows(self._connection, some) for some in batches_of(customer_ids))
        return Counter({customer_id: number for rows in batches for customer_id, number in rows})


def _row(new: NewChange, number: int, create_time: int) -> tuple[Any, ...]:
    source = new.source
    return (
        new.customer_id,
        number,
        new.loan_id,
        *new.change,
        source.principal,
        source.import_id,
        source.row_number,
        create_time,
        source.reason,
        source.request_date,
    )


def _change(row: Any) -> CustomerChange:
    customer_id, number, loan_id, field, old, new, principal, import_id, row_number, create_time, *why = row
    source = ChangeSource(principal, import_id, row_number, *why)
    return CustomerChange(number, customer_id, loan_id, FieldChange(field, old, new), source, create_time)
