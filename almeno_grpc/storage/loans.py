"""Loans in the database."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, bindparam, cast, func, select, tuple_, union_all, update
from sqlalchemy.dialects.postgresql import ARRAY

from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.domain.imports import BOOK_METHOD, LoanRow, LoanRows
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.storage.additions import Addition, added_whole
from almeno_grpc.storage.book_connection import BookConnection
from almeno_grpc.storage.loan_rows import COLUMNS, loan_of, row_of, values_of
from almeno_grpc.storage.lookups import all_beside, in_pieces, present
from almeno_grpc.storage.sequences import next_numbers, number_above
from almeno_grpc.storage.statements import Statement, insertion
from almeno_grpc.storage.tables import FIRST_GENERATED_ID, customer, loan_number
from almeno_grpc.storage.tables import loan as table

_NUMBERED = loan_number.join(
    table, and_(table.c.customer_id == loan_number.c.customer_id, table.c.loan_id == loan_number.c.loan_id)
)
_BY_ID = Statement(
    select(*COLUMNS).select_from(_NUMBERED).where(loan_number.c.loan_id == bindparam("loan_id")), "loan_id"
)
_LOCK_OWNER = Statement(
    select(customer.c.customer_id)
    .join(loan_number, loan_number.c.customer_id == customer.c.customer_id)
    .where(loan_number.c.loan_id == bindparam("loan_id"))
    .with_for_update(of=customer),
    "loan_id",
)
_LOCK = Statement(
    select(*COLUMNS)
    .where(table.c.customer_id == bindparam("customer_id"), table.c.loan_id == bindparam("loan_id"))
    .with_for_update(),
    "customer_id",
    "loan_id",
)
_TAKE_NUMBER = insertion(loan_number, [loan_number.c.customer_id], returning=loan_number.c.loan_id)
_ADD_NUMBER = insertion(loan_number, loan_number.c)
_ADD = insertion(table, COLUMNS)
_OF_CUSTOMER = select(*COLUMNS).where(table.c.customer_id == bindparam("customer_id"))
_PAGE = _OF_CUSTOMER.where(table.c.loan_id > bindparam("after")).order_by(table.c.loan_id).limit(bindparam("count"))
_PAGES = {
    state: Statement(page, "customer_id", "after", "count")
    for state, page in (
        (None, _PAGE),
        (LoanState.ACTIVE, _PAGE.where(table.c.emis_paid < table.c.tenure_months)),
        (LoanState.CLOSED, _PAGE.where(table.c.emis_paid == table.c.tenure_months)),
    )
}
# Loans that kept the number of the sheet, and those that did not: each of the two has an index of its own.
_SOURCES = (
    (table.c.loan_id, table.c.source_loan_id == table.c.loan_id),
    (table.c.source_loan_id, table.c.source_loan_id != table.c.loan_id),
)
# Pairs, for two lists would have every customer looked up with every number.
_BY_SOURCE = union_all(
    *(
        select(*COLUMNS).where(tuple_(table.c.customer_id, number).in_(bindparam("keys", expanding=True)), which)
        for number, which in _SOURCES
    )
)
# PostgreSQL takes a list of pairs for so many conditions, any of them enough, and plans 0.1 s for 500 of them.
_KEYS = (
    func.unnest(cast(bindparam("customers"), ARRAY(BigInteger)), cast(bindparam("numbers"), ARRAY(BigInteger)))
    .table_valued("customer_id", "number")
    .render_derived(name="given")
)
_PAIRS_AT_ONCE = 100
"""Few enough that to look each up seems less to the planner than to read a large table, or to have helpers for it."""
_BY_SOURCE_IN_ARRAYS = union_all(
    *(
        select(*COLUMNS)
        .join(_KEYS, and_(_KEYS.c.customer_id == table.c.customer_id, _KEYS.c.number == number))
        .where(which)
        for number, which in _SOURCES
    )
)
_UPDATE = (
    update(table)
    .where(
        table.c.customer_id == bindparam("of_customer"),
        table.c.loan_id == bindparam("with_number"),
        table.c.repayment_count == 0,
    )
    .values(
        loan_amount_paise=bindparam("loan_amount_paise"),
        interest_rate_e4=bindparam("interest_rate_e4"),
        tenure_months=bindparam("tenure_months"),
        monthly_installment_paise=bindparam("monthly_installment_paise"),
        emis_paid=bindparam("emis_paid"),
        emis_paid_on_time=bindparam("emis_paid_on_time"),
        outstanding_principal_paise=bindparam("outstanding_principal_paise"),
        approval_year=bindparam("approval_year"),
        approval_month=bindparam("approval_month"),
        approval_day=bindparam("approval_day"),
    )
)
_REPAY = Statement(
    update(table)
    .where(table.c.customer_id == bindparam("of_customer"), table.c.loan_id == bindparam("with_number"))
    .values(
        emis_paid=bindparam("emis_paid"),
        emis_paid_on_time=bindparam("emis_paid_on_time"),
        outstanding_principal_paise=bindparam("outstanding_principal_paise"),
        paid_toward_next_paise=bindparam("paid_toward_next_paise"),
        repayment_count=bindparam("repayment_count"),
    ),
    "emis_paid",
    "emis_paid_on_time",
    "outstanding_principal_paise",
    "paid_toward_next_paise",
    "repayment_count",
    "of_customer",
    "with_number",
)
_ADD_NUMBERS = Addition(loan_number)
_SET_NUMBERS_ASIDE = Addition(loan_number, on_conflict="ON CONFLICT DO NOTHING")
# A number may have been set aside for a loan that never came; those like the service's own never are.
_TAKE_NUMBERS = Addition(
    loan_number,
    on_conflict="ON CONFLICT (loan_id) DO UPDATE SET customer_id = excluded.customer_id"
    f" WHERE loan_number.loan_id < {FIRST_GENERATED_ID}",
)
# Sixty took PostgreSQL a millisecond, most of it to look up the customer and the number of each; the numbers are looked
# up by a statement of their own since.
_ADD_OF_SHEET = Addition(
    table,
    postgresql_rows_at_once=60,
    installment_method=BOOK_METHOD.value,
    decision_id=None,
    paid_toward_next_paise=0,
    repayment_count=0,
)
_REPAYMENTS = ("paid_toward_next_paise", "repayment_count")


class Loans:
    """The loans, as one transaction sees them."""

    first_generated_id = FIRST_GENERATED_ID
    """No number that the service gives lies below."""

    def __init__(self, connection: BookConnection) -> None:
        self._book_connection = connection

    @property
    def _connection(self) -> Connection:
        return self._book_connection.connection

    def get(self, loan_id: int) -> Loan | None:
        """The loan with the number, if there is one."""
        row = _BY_ID.row(self._connection, loan_id)
        return loan_of(row) if row else None

    def get_locked(self, loan_id: int) -> Loan | None:
        """The loan with the number, which no other transaction repays, and on whose customer none decides, meanwhile.

        Until this transaction has ended, that is: a decision then sees the whole of a repayment or nothing of it.
        """
        owner = _LOCK_OWNER.row(self._connection, loan_id)
        # By a statement of its own: a statement sees the book as it was when that began, before it waited.
        row = _LOCK.row(self._connection, *owner, loan_id) if owner else None
        return loan_of(row) if row else None

    def repay(self, loan: Loan) -> None:
        """Brings a loan up to its latest repayment."""
        _REPAY.rows(
            self._connection,
            loan.emis_paid,
            loan.emis_paid_on_time,
            loan.outstanding_principal,
            loan.paid_toward_next,
            loan.repayment_count,
            loan.customer_id,
            loan.loan_id,
        )

    def page(self, customer_id: int, state: LoanState | None, after: int, count: int) -> list[Loan]:
        """Up to `count` of a customer's loans with a number above `after`, in the order of their numbers."""
        return [loan_of(row) for row in _PAGES[state].rows(self._connection, customer_id, after, count)]

    def next_loan_id(self, customer_id: int) -> int:
        """Takes the next number of the service's own, for a loan of the customer."""
        if not self._book_connection.is_alone:
            [(taken,)] = _TAKE_NUMBER.rows(self._book_connection.connection_beside, customer_id)
            return int(taken)
        loan_id = self._book_connection.last_plus_one_loan_id()
        self._book_connection.add(_ADD_NUMBER, (loan_id, customer_id), key=customer_id)
        return loan_id

    def add(self, loan: Loan) -> None:
        """Books a loan under a number that was taken for it."""
        self._book_connection.add(_ADD, row_of(loan), key=loan.customer_id)

    def by_source(self, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Loan]:
        """The imported loans with any of the keys (customer_id, source_loan_id)."""
        return {(row.customer_id, row.source_loan_id): loan_of(row) for row in self._rows_of_sources(keys)}

    def _rows_of_sources(self, keys: Iterable[tuple[int, int]]) -> Iterator[Any]:
        if self._connection.dialect.name == "sqlite":
            for pairs in in_pieces(keys):
                yield from self._connection.execute(_BY_SOURCE, {"keys": pairs})
            return
        for pairs in in_pieces(keys, _PAIRS_AT_ONCE):
            customers, numbers = map(list, zip(*pairs, strict=True))
            yield from self._connection.execute(_BY_SOURCE_IN_ARRAYS, {"customers": customers, "numbers": numbers})

    def taken(self, ids: Iterable[int]) -> set[int]:
        """Those of the numbers that loans have."""
        return present(self._connection, loan_number.c.loan_id, ids, _NUMBERED)

    def reserve_loan_ids(self, loan_ids: Sequence[int], customer_ids: Sequence[int]) -> None:
        """Notes whose loans the numbers of a sheet are to be; not those it has noted.

        Numbers come in their own order and loans in that of their customers, which are two orders to write in. One
        after the other, neither is written at random.
        """
        _SET_NUMBERS_ASIDE.add(self._connection, (loan_ids, customer_ids))

    def import_if_new(self, rows: LoanRows) -> bool:
        """Adds the loans of a sheet under its numbers, if those were set aside for them; else adds none."""
        stored = _stored(rows)
        if not self._are_held(*stored[:2]):
            return False
        return added_whole(self._connection, lambda: _ADD_OF_SHEET.add(self._connection, stored))

    def import_new(self, rows: Sequence[LoanRow]) -> None:
        """Adds the loans of a sheet under its numbers, which no loan has.

        Raises:
            WriteConflict: Meanwhile a loan was booked under one of them.
        """
        number_above(self._connection, loan_number.c.loan_id, max(row.source_loan_id for row in rows))
        stored = _stored(LoanRows.of(rows))
        _TAKE_NUMBERS.add(self._connection, stored[:2])
        if not self._are_held(*stored[:2]):
            raise WriteConflict("a number of the sheet was taken meanwhile; import its rows again")
        _ADD_OF_SHEET.add(self._connection, stored)

    def import_renumbered(self, rows: Sequence[LoanRow]) -> list[int]:
        """Adds the loans of a sheet under the next numbers of the service's own, in order, and gives those back."""
        numbers = next_numbers(self._connection, loan_number.c.loan_id, len(rows))
        _, *others = _stored(LoanRows.of(rows))
        _ADD_NUMBERS.add(self._connection, (numbers, others[0]))
        _ADD_OF_SHEET.add(self._connection, (numbers, *others))
        return numbers

    def import_changed(self, loan: Loan) -> None:
        """Brings an imported loan up to what the sheet says.

        Raises:
            WriteConflict: Meanwhile a repayment was recorded on it, from which on it is no longer the sheet's.
        """
        values = values_of(loan)
        for fixed in ("customer_id", "source_loan_id", "decision_id", "installment_method", *_REPAYMENTS):
            del values[fixed]
        names = {"of_customer": loan.customer_id, "with_number": loan.loan_id}
        if self._connection.execute(_UPDATE, {**values, **names}).rowcount == 0:
            raise WriteConflict("a repayment was recorded on a loan of the sheet; import its rows again")

    def _are_held(self, loan_ids: Sequence[int], customer_ids: Sequence[int]) -> bool:
        """Whether each of the numbers is that of a loan of the customer it comes with, or set aside for one."""
        return all_beside(self._connection, loan_number.c.loan_id, loan_ids, loan_number.c.customer_id, customer_ids)


def _stored(rows: LoanRows) -> Sequence[Sequence[Any]]:
    """Rows of a sheet as columns of the table, without those that are the same for all."""
    _, customers, numbers, amounts, tenures, rates, emis, paid, on_time, years, months, days, outstanding = rows.columns
    due = (amounts, rates, tenures, emis, paid, on_time, outstanding)
    return numbers, customers, *due, years, months, days, numbers
