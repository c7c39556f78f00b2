"""Events of changes in the database: inserted once, never updated, removed by the retention."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, text, update

from almeno_grpc.domain.change_event import ChangeEvent
from almeno_grpc.domain.charge import Charge, ChargeKind
from almeno_grpc.domain.limits import MAX_ID
from almeno_grpc.domain.loan import Loan, Segment
from almeno_grpc.domain.money import rate_from_scaled
from almeno_grpc.domain.repayment import Repayment
from almeno_grpc.storage.audit_rows import CUSTOMER, LOAN, REPAYMENT, RowForm
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.change_event_writes import CODES
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.customers import customer_of_row
from almeno_grpc.storage.loan_rows import date_of, loan_of
from almeno_grpc.storage.repayments import repayment_of
from almeno_grpc.storage.tables import change_event as table
from almeno_grpc.storage.tables import change_event_cut as cut

MAX_PAGE_BYTES = 1_048_576
"""Of the snapshots of a page with more than one event: the message of it takes about twice as much."""
_PARTS = 6
_KINDS = {code: kind for kind, code in CODES.items()}
_PAGE = CompiledStatement(
    select(table).where(table.c.number > bindparam("after")).order_by(table.c.number).limit(bindparam("count")),
    "after",
    "count",
)
_BEHIND_NEWEST = CompiledStatement(
    select(table.c.number)
    .where(table.c.number <= bindparam("last"))
    .order_by(table.c.number.desc())
    .limit(1)
    .offset(bindparam("count")),
    "last",
    "count",
)
_REMOVED = CompiledStatement(select(cut.c.number))
_FIRST = CompiledStatement(
    select(table.c.number, table.c.event_time_us).order_by(table.c.number).limit(bindparam("count")), "count"
)


class ChangeEvents:
    """The events, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection
        self._backend = transaction.backend

    def page(self, after: int, count: int) -> list[ChangeEvent]:
        """In the order of the primary key."""
        return list(map(_event, _within_page(_PAGE.rows(self._connection, after, count))))

    def removed(self) -> int:
        """By the only row."""
        [(number,)] = _REMOVED.rows(self._connection)
        return int(number)

    def last_number(self) -> int:
        """As the database has generated them."""
        return self._backend.last_id(self._connection, table.c.number)

    def behind_newest(self, count: int, last: int = MAX_ID) -> int:
        """By the primary key, from its end."""
        row = _BEHIND_NEWEST.row(self._connection, last, count)
        return self.removed() if row is None else int(row[0])

    def remove(self, before: int, count: int) -> bool:
        """In the order of the primary key, up to the first that is not so old; a partition, where there are some."""
        if self._backend.divides_history:
            return self._remove_partition(before)
        last = 0
        for number, event_time in _FIRST.rows(self._connection, count):
            if event_time >= before:
                break
            last = number
        if last:
            self._connection.execute(delete(table).where(table.c.number <= last))
            self._connection.execute(update(cut).values(number=last))
        return last > 0

    def _remove_partition(self, before: int) -> bool:
        partition = self._backend.partition_before(self._connection, table, before)
        if partition is None:
            return self._backend.remove_strays(self._connection, table, before, f"number <= {self.removed()}") > 0
        last = self._connection.execute(text(f"SELECT max(number) FROM {partition.name}")).scalar()  # noqa: S608 - of the catalog
        if last is not None and self._has_newer_below(last, before):
            return False
        if not self._backend.remove_partition(self._connection, partition):
            return False
        if last is not None:
            self._connection.execute(update(cut).where(cut.c.number < last).values(number=last))
        return True

    def _has_newer_below(self, number: int, before: int) -> bool:
        """Whether an event of now is among those of long ago, where a clock that was behind has put it."""
        newer = select(table.c.number).where(table.c.number < number, table.c.event_time_us >= before).limit(1)
        return self._connection.execute(newer).first() is not None


def _within_page(rows: Sequence[Row]) -> Iterator[Row]:
    """The first rows, as many as a page may have."""
    size_bytes = 0
    for row in rows:
        size_bytes += len(row[-1])
        if size_bytes > MAX_PAGE_BYTES and size_bytes > len(row[-1]):
            return
        yield row


def _event(row: Row) -> ChangeEvent:
    number, time, day, principal, request_id, import_id, kind, customer_id, loan_id, snapshot = row
    parts: list[Any] = msgspec.msgpack.decode(snapshot)
    customer, loan, segments, repayment, charges, decision_id = parts + [None] * (_PARTS - len(parts))
    customer_row = None if customer is None else _columns(CUSTOMER, customer)
    return ChangeEvent(
        number,
        time,
        date.fromordinal(day),
        principal,
        request_id,
        import_id,
        _KINDS[kind],
        customer_id,
        loan_id,
        None if customer_row is None else customer_of_row(customer_row),
        None if customer_row is None else date_of(customer_row[-2]),
        None if loan is None else _loan(_columns(LOAN, loan), segments or ()),
        None if repayment is None else _repayment(_columns(REPAYMENT, repayment)),
        tuple(map(_charge, charges or ())),
        decision_id or "",
    )


def _columns(form: RowForm, coded: Sequence[Any]) -> list[Any]:
    """The columns of a row.

    Raises:
        ValueError: It has another form. Who gives a table another form has to read here what was written in this one.
    """
    code, row = coded
    if code != form.code:
        raise ValueError(f"an event has a row of form {code} in the place of {form.code}")
    return list(row)


def _loan(row: Sequence[Any], segments: Sequence[Sequence[int]]) -> Loan:
    return loan_of(
        row,
        tuple(
            Segment(first, principal, rate_from_scaled(rate), installments, emi)
            for first, principal, rate, installments, emi in segments
        ),
    )


def _repayment(row: list[Any]) -> Repayment:
    for place in _DATES:
        row[place] = row[place] and date.fromisoformat(row[place])
    return repayment_of(row)


_REVERSAL_DATE = len(REPAYMENT.columns)
_DATES = ([column.name for column in REPAYMENT.columns].index("payment_date"), _REVERSAL_DATE)


def _charge(values: Sequence[Any]) -> Charge:
    kind, number, on, *others = values
    return Charge(ChargeKind(kind), number, date.fromisoformat(on), *others)
