"""Loans in the database."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from itertools import repeat
from operator import eq, itemgetter
from typing import Any

from sqlalchemy import Column, CompoundSelect, Select, and_, bindparam, func, select, union_all, update

from almeno_grpc.domain.change_event import ChangeEventKind
from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.domain.imports import BOOK_METHOD, LoanRow, LoanRows
from almeno_grpc.domain.loan import Loan, LoanState, SanctionEnd
from almeno_grpc.domain.months import due_day
from almeno_grpc.service.store import SegmentRecord
from almeno_grpc.storage import sanction_ends, segments
from almeno_grpc.storage.audit_rows import LOAN
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.bulk import BulkInsert, batches_of, inserted_whole, pairs_exist
from almeno_grpc.storage.change_event_writes import closing_drafts, loan_draft
from almeno_grpc.storage.compiled import CompiledStatement
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.keys import key_rows
from almeno_grpc.storage.loan_rows import COLUMNS, day_of, is_in, row_of, values_of
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import FIRST_GENERATED_ID, loan_number
from almeno_grpc.storage.tables import loan as table

# Numbers are divided by loan_id and loans by customer_id: no statement reads both.
_NUMBERS = select(loan_number.c.loan_id, loan_number.c.customer_id)
_OWNERS = KeyedStatement(_NUMBERS, loan_number.c.loan_id)
_NUMBERS_BEHIND = CompiledStatement(
    _NUMBERS.where(loan_number.c.loan_id > bindparam("after"))
    .order_by(loan_number.c.loan_id)
    .limit(bindparam("count")),
    "after",
    "count",
)
_COUNT = CompiledStatement(select(func.count()).select_from(table))
_APPROVED_BY = CompiledStatement(
    select(*COLUMNS).where(
        table.c.customer_id == bindparam("customer_id"), table.c.decision_id == bindparam("decision")
    ),
    "customer_id",
    "decision",
)
_BY_KEY = CompiledStatement(
    select(*COLUMNS).where(table.c.customer_id == bindparam("customer_id"), table.c.loan_id == bindparam("loan_id")),
    "customer_id",
    "loan_id",
)


def _with_keys(dialect: str, *columns: Column[Any]) -> Select[Any]:
    keys, (customer_id, loan_id) = key_rows(dialect, "keys", 2)
    return select(*columns).select_from(
        keys.join(table, and_(table.c.customer_id == customer_id, table.c.loan_id == loan_id))
    )


def _by_keys(dialect: str) -> Select[Any]:
    return _with_keys(dialect, *COLUMNS).order_by(table.c.customer_id, table.c.loan_id)


_EXISTING = CompiledStatement(lambda dialect: _with_keys(dialect, table.c.loan_id), "keys")
_GET = CompiledStatement(_by_keys, "keys")
# An import's update of the loan then waits, and finds that a repayment was recorded.
_GET_LOCKED = CompiledStatement(lambda dialect: _by_keys(dialect).with_for_update(of=table, key_share=True), "keys")
_OF_CUSTOMER = select(*COLUMNS).where(table.c.customer_id == bindparam("customer_id"))
_PAGE = _OF_CUSTOMER.where(table.c.loan_id > bindparam("after")).order_by(table.c.loan_id).limit(bindparam("count"))
_ALL_PAGES = CompiledStatement(_PAGE, "customer_id", "after", "count")
_PAGES_BY_DATE = {
    state: CompiledStatement(_PAGE.where(is_in(state)), "customer_id", "after", "count", "today")
    for state in (LoanState.SANCTIONED, LoanState.EXPIRED)
}
_PAGES = {
    state: CompiledStatement(_PAGE.where(is_in(state)), "customer_id", "after", "count")
    for state in LoanState
    if state not in _PAGES_BY_DATE
}
# Loans that kept the id of the sheet, and those that did not: each of the two has an index of its own.
_SOURCES = (
    (table.c.loan_id, table.c.source_loan_id == table.c.loan_id),
    (table.c.source_loan_id, table.c.source_loan_id != table.c.loan_id),
)


def _by_source(dialect: str) -> CompoundSelect[Any]:
    keys, (customer_id, source_loan_id) = key_rows(dialect, "keys", 2)
    return union_all(
        *(
            select(*COLUMNS)
            .select_from(keys.join(table, and_(table.c.customer_id == customer_id, loan_id == source_loan_id)))
            .where(which)
            for loan_id, which in _SOURCES
        )
    )


_BY_SOURCE = CompiledStatement(_by_source, "keys")
_PAIRS_PER_STATEMENT = 100
"""Few enough that PostgreSQL's planner looks each up, rather than read a large table or start parallel workers."""
_OF_SHEETS = (
    "loan_amount_paise",
    "interest_rate_e4",
    "tenure_months",
    "monthly_installment_paise",
    "emis_paid",
    "emis_paid_on_time",
    "outstanding_principal_paise",
    "approval_year",
    "approval_month",
    "approval_day",
    "state",
    "disbursement_year",
    "disbursement_month",
    "disbursement_day",
    "next_due_day",
    "non_performing_since_day",
)
"""Columns that follow from a sheet, whose loans were disbursed on their approval."""
_UPDATE = (
    update(table)
    .where(
        table.c.customer_id == bindparam("of_customer"),
        table.c.loan_id == bindparam("with_loan_id"),
        table.c.repayment_count == 0,
        table.c.charge_count == 0,
    )
    .values({name: bindparam(name) for name in _OF_SHEETS})
)
INSERT = TableWrite(table, COLUMNS)
INSERT_NUMBER = TableWrite(loan_number, (loan_number.c.loan_id, loan_number.c.customer_id))
_CHANGEABLE = (
    "tenure_months",
    "monthly_installment_paise",
    "emis_paid",
    "emis_paid_on_time",
    "outstanding_principal_paise",
    "paid_toward_next_paise",
    "repayment_count",
    "state",
    "disbursement_year",
    "disbursement_month",
    "disbursement_day",
    "latest_repayment",
    "segment_count",
    "charge_count",
    "open_charges_paise",
    "next_due_day",
    "non_performing_since_day",
)
"""Columns that change after the booking."""
UPDATE = TableWrite(table, [table.c[name] for name in _CHANGEABLE], keys=(table.c.customer_id, table.c.loan_id))
_places = {column.name: place for place, column in enumerate(COLUMNS)}
updated_row_of = itemgetter(*map(_places.__getitem__, ("customer_id", "loan_id", *_CHANGEABLE)))
"""The row for `UPDATE`, of all columns of a loan."""
_INSERT_NUMBERS = BulkInsert(loan_number)
_RESERVE_NUMBERS = BulkInsert(loan_number, on_conflict="ON CONFLICT DO NOTHING")
# An id may have been reserved for a loan that never came; those like the generated ones never are.
_TAKE_NUMBERS = BulkInsert(
    loan_number,
    on_conflict="ON CONFLICT (loan_id) DO UPDATE SET customer_id = excluded.customer_id"
    f" WHERE loan_number.loan_id < {FIRST_GENERATED_ID}",
)
_OF_NO_SHEET: dict[str, Any] = {
    "decision_id": None,
    "paid_toward_next_paise": 0,
    "repayment_count": 0,
    "valid_until_day": None,
    "latest_repayment": 0,
    "terms_version": None,
    "segment_count": 0,
    "charge_count": 0,
    "open_charges_paise": 0,
    "non_performing_since_day": None,
}
# Sixty took PostgreSQL a millisecond, most of it to look up the customer and the id of each; the ids are looked up by a
# statement of their own since.
_IMPORT = BulkInsert(
    table,
    postgresql_rows=60,
    installment_method=BOOK_METHOD.value,
    **_OF_NO_SHEET,
)
_STATES = {False: LoanState.ACTIVE.value, True: LoanState.CLOSED.value}
"""By whether every instalment is paid."""


class Loans:
    """The loans, as one transaction sees them."""

    first_generated_id = FIRST_GENERATED_ID

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection
        self._backend = transaction.backend
        self._audit = transaction.audit
        self._events = transaction.change_events
        self._get = _GET_LOCKED if transaction.writes else _GET

    def get(self, loan_id: int) -> Loan | None:
        """By the id's owner."""
        customer_id = self.owners([loan_id]).get(loan_id)
        row = None if customer_id is None else _BY_KEY.row(self._connection, customer_id, loan_id)
        return segments.loans_of(self._connection, [row])[0] if row else None

    def approved_by(self, customer_id: int, decision_id: str) -> Loan | None:
        """By the unique index of decisions."""
        rows = _APPROVED_BY.rows(self._connection, customer_id, decision_id)
        return segments.loans_of(self._connection, rows)[0] if rows else None

    def owners(self, loan_ids: Collection[int]) -> dict[int, int]:
        """By the ids' primary key."""
        rows: list[Any] = _OWNERS.rows(self._connection, loan_ids)
        return dict(rows)

    def get_many(self, keys: Collection[tuple[int, int]]) -> dict[int, Loan]:
        """A transaction that writes locks them."""
        found = segments.loans_of(self._connection, self._get.rows(self._connection, keys))
        return {loan.loan_id: loan for loan in found}

    def reserve_ids(self, count: int) -> list[int]:
        """As the backend generates them."""
        return self._backend.next_ids(self._connection, loan_number.c.loan_id, count)

    def page(self, customer_id: int, state: LoanState | None, after: int, count: int, on: date) -> list[Loan]:
        """In the order of the primary key."""
        asked: tuple[int, ...] = (customer_id, after, count)
        if state in _PAGES_BY_DATE:
            rows = _PAGES_BY_DATE[state].rows(self._connection, *asked, day_of(on))
        else:
            rows = (_PAGES[state] if state else _ALL_PAGES).rows(self._connection, *asked)
        return segments.loans_of(self._connection, rows)

    def count(self) -> int:
        """Every key is visited."""
        row = _COUNT.row(self._connection)
        return row[0] if row else 0

    def behind(self, loan_id: int, count: int) -> list[Loan]:
        """In the order of their ids' primary key; an id may be reserved for a loan that never came."""
        found: list[Loan] = []
        while len(found) < count and (numbers := _NUMBERS_BEHIND.rows(self._connection, loan_id, count)):
            loans = self.get_many([(customer_id, number) for number, customer_id in numbers])
            found += (loans[number] for number, _ in numbers if number in loans)
            loan_id = numbers[-1][0]
        return found[:count]

    def segments(self, loan: Loan) -> list[SegmentRecord]:
        """In the order of the primary key."""
        return segments.of_loan(self._connection, loan)

    def sanction_end(self, loan: Loan) -> SanctionEnd | None:
        """By primary key."""
        return sanction_ends.of_loan(self._connection, loan)

    def by_source(self, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Loan]:
        """By pairs, for two lists would have every customer looked up with every id."""
        batches = (_BY_SOURCE.rows(self._connection, some) for some in batches_of(keys, _PAIRS_PER_STATEMENT))
        loans = (loan for rows in batches for loan in segments.loans_of(self._connection, rows))
        return {(loan.customer_id, loan.source_loan_id): loan for loan in loans if loan.source_loan_id is not None}

    def taken(self, ids: Iterable[int]) -> set[int]:
        """An id may be reserved for a loan that never came, and is not taken then."""
        # In order, neighbours are found on the same pages.
        owners = (self.owners(some) for some in batches_of(sorted(ids)))
        loans = (_EXISTING.rows(self._connection, [(each[key], key) for key in each]) for each in owners if each)
        return {loan_id for rows in loans for (loan_id,) in rows}

    def reserve_loan_ids(self, loan_ids: Sequence[int], customer_ids: Sequence[int]) -> None:
        """Ids come in their own order and loans in that of their customers: so neither is written at random."""
        _RESERVE_NUMBERS.insert(self._connection, (loan_ids, customer_ids))

    def import_if_new(self, rows: LoanRows) -> bool:
        """By bulk inserts under a savepoint."""
        columns = _table_columns(rows)
        if not self._are_reserved(*columns[:2]):
            return False
        if not inserted_whole(self._connection, lambda: _IMPORT.insert(self._connection, columns)):
            return False
        self._note(columns)
        return True

    def import_new(self, rows: Sequence[LoanRow]) -> None:
        """By bulk inserts."""
        self._backend.advance_ids(self._connection, loan_number.c.loan_id, max(row.source_loan_id for row in rows))
        columns = _table_columns(LoanRows.of(rows))
        _TAKE_NUMBERS.insert(self._connection, columns[:2])
        if not self._are_reserved(*columns[:2]):
            raise WriteConflict("a Loan ID of the sheet was taken meanwhile; import its rows again")
        _IMPORT.insert(self._connection, columns)
        self._note(columns)

    def import_renumbered(self, rows: Sequence[LoanRow]) -> list[int]:
        """By bulk inserts."""
        ids = self.reserve_ids(len(rows))
        _, *others = _table_columns(LoanRows.of(rows))
        _INSERT_NUMBERS.insert(self._connection, (ids, others[0]))
        _IMPORT.insert(self._connection, (ids, *others))
        self._note((ids, *others))
        return ids

    def import_changed(self, loan: Loan, before: Loan) -> None:
        """Unless it has a repayment or a charge."""
        every = values_of(loan)
        values = {name: every[name] for name in _OF_SHEETS}
        key = {"of_customer": loan.customer_id, "with_loan_id": loan.loan_id}
        if self._connection.execute(_UPDATE, {**values, **key}).rowcount == 0:
            raise WriteConflict("a repayment or a charge was recorded on a loan of the sheet; import its rows again")
        old, new = row_of(before), row_of(loan)
        self._audit.note(LOAN.updated([old], [new]))
        self._events.note([loan_draft(ChangeEventKind.LOAN_UPDATED, new), *closing_drafts(old, new)])

    def _note(self, columns: Sequence[Sequence[Any]]) -> None:
        """Notes loans of a sheet for audit trail and events, given by the columns that are not the same for all."""
        given = iter(columns)
        fixed = {"installment_method": BOOK_METHOD.value, **_OF_NO_SHEET}
        values = (repeat(fixed[column.name]) if column.name in fixed else next(given) for column in COLUMNS)
        rows = list(zip(*values, strict=False))
        self._audit.note(LOAN.inserted(rows))
        self._events.note(loan_draft(ChangeEventKind.LOAN_IMPORTED, row) for row in rows)

    def _are_reserved(self, loan_ids: Sequence[int], customer_ids: Sequence[int]) -> bool:
        """Whether each of the ids is that of a loan of the customer it comes with, or reserved for one."""
        return pairs_exist(self._connection, loan_number.c.loan_id, loan_ids, loan_number.c.customer_id, customer_ids)


def _table_columns(rows: LoanRows) -> Sequence[Sequence[Any]]:
    """Rows of a sheet as columns of the table, without those that are the same for all."""
    _, customers, ids, amounts, tenures, rates, emis, paid, on_time, years, months, days, outstanding, *_ = rows.columns
    due = (amounts, rates, tenures, emis, paid, on_time, outstanding)
    is_closed = list(map(eq, paid, tenures))
    states = [_STATES[closed] for closed in is_closed]
    next_due = [
        None if closed else due_day(year, month, day, number + 1)
        for closed, year, month, day, number in zip(is_closed, years, months, days, paid, strict=True)
    ]
    return ids, customers, *due, years, months, days, ids, states, years, months, days, next_due
