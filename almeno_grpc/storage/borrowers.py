"""Borrowers: customers with their credit positions, any number of them in one statement.

The database aggregates the position: a check then costs one round trip and one row, whether the customer has three
loans or three hundred. This is the one place that aggregates it; checks, bookings and answers all come here.
"""

from calendar import monthrange
from collections.abc import Callable, Collection
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from almeno_grpc.domain.asset_class import asset_class
from almeno_grpc.domain.decision import Borrower
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.loan_rows import counts
from almeno_grpc.storage.tables import customer, loan

_LAST_DAY = 31


def _number(value: int) -> ColumnElement[int]:
    """A literal of the statement, which is not passed as a parameter each time."""
    return literal_column(str(value), Integer)


def _sum(amount: ColumnElement[int]) -> ColumnElement[int]:
    """The sum over the loans, zero without any."""
    return cast(func.coalesce(func.sum(amount), _number(0)), BigInteger)


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return _sum(case((condition, _number(1)), else_=_number(0)))


def _sum_if(condition: ColumnElement[bool], amount: ColumnElement[int]) -> ColumnElement[int]:
    return _sum(case((condition, amount), else_=_number(0)))


class _Smaller(FunctionElement[int]):
    """The smaller of two numbers, which each database has a function of its own for."""

    type = Integer()
    inherit_cache = True


class _Larger(FunctionElement[int]):
    """The larger of two numbers, likewise."""

    type = Integer()
    inherit_cache = True


@compiles(_Smaller)
@compiles(_Larger)
def _extreme(element: _Smaller | _Larger, compiler: SQLCompiler, **options: Any) -> str:
    names = ("min", "max") if compiler.dialect.name == "sqlite" else ("least", "greatest")
    return f"{names[isinstance(element, _Larger)]}({compiler.process(element.clauses, **options)})"


_l = loan.c
# The columns are of 16 bits, the numbers made of them are not.
_year, _month = type_coerce(_l.disbursement_year, Integer), type_coerce(_l.disbursement_month, Integer)
# Of a loan that another server has disbursed behind midnight, or a sheet has dated ahead, nothing is due. Nor is of one
# that has not been disbursed: what is NULL counts for nothing.
_months_due = _Larger(
    bindparam("month_number", type_=Integer)
    - _year * _number(12)
    - _month
    - case((_l.disbursement_day > bindparam("due_day", type_=Integer), _number(1)), else_=_number(0)),
    _number(0),
)

_CUSTOMER = (
    customer.c.customer_id,
    customer.c.monthly_income_paise,
    customer.c.approved_limit_paise,
    customer.c.non_performing_since_day,
)
# The table's checks are relied on: of a loan repaid nothing is outstanding, no loan has more instalments paid on time
# than it has instalments, and one that has been disbursed has a next due date as long as instalments are left.
_POSITION = (
    func.min(_l.next_due_day),
    func.count(_l.loan_id),
    func.count(_l.next_due_day),
    _count_if(_l.approval_year == bindparam("year", type_=Integer)),
    _sum(_l.loan_amount_paise),
    _sum(_l.outstanding_principal_paise),
    _sum_if(_l.emis_paid < _l.tenure_months, _l.monthly_installment_paise),
    _sum(_Smaller(_months_due, _l.tenure_months)),
    _sum(_Smaller(_months_due, _l.emis_paid_on_time)),
)


def _grouped(*of_loans: ColumnElement[bool]) -> Select[Any]:
    """The borrowers by a join; what holds for the customers is to be said of their loans, too."""
    loans = and_(_l.customer_id == customer.c.customer_id, counts(), *of_loans)
    return select(*_CUSTOMER, *_POSITION).select_from(customer.outerjoin(loan, loans)).group_by(customer.c.customer_id)


def _by_ids(dialect: str) -> Select[Any]:
    if dialect == "sqlite":
        borrowers = _grouped()
    else:
        # Customer by customer: for a join PostgreSQL may read all loans, as long as it takes the table for a small one.
        of_customer = select(*_POSITION).where(_l.customer_id == customer.c.customer_id, counts())
        position = of_customer.correlate(customer).lateral("position")
        borrowers = select(*_CUSTOMER, *position.c).select_from(customer.join(position, true()))
    return borrowers


_DAY_PARAMETERS = ("year", "month_number", "due_day", "today")
_BORROWERS = KeyedStatement(_by_ids, customer.c.customer_id, *_DAY_PARAMETERS)
# PostgreSQL would merge the page with all loans from the first one on.
_PAGE = CompiledStatement(
    _grouped(_l.customer_id > bindparam("after"))
    .where(customer.c.customer_id > bindparam("after"))
    .order_by(customer.c.customer_id)
    .limit(bindparam("count")),
    *_DAY_PARAMETERS,
    "after",
    "count",
)


def _lock(*, skip_locked: bool) -> KeyedStatement:
    # NO KEY: the foreign keys of what an import inserts take KEY SHARE, and neither is to wait for the other.
    customers = select(customer.c.customer_id).order_by(customer.c.customer_id)
    return KeyedStatement(customers.with_for_update(key_share=True, skip_locked=skip_locked), customer.c.customer_id)


_LOCK, _LOCK_FREE = _lock(skip_locked=False), _lock(skip_locked=True)


class Borrowers:
    """The borrowers, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection

    def get(self, customer_id: int, on: date) -> Borrower | None:
        """By the statement for many."""
        return self.get_many([customer_id], on).get(customer_id)

    def get_many(self, customer_ids: Collection[int], on: date) -> dict[int, Borrower]:
        """By one statement."""
        connection = self._connection
        return borrowers_of(lambda statement, *values: statement.rows(connection, *values), customer_ids, on)

    def lock(self, customer_ids: Collection[int], *, wait: bool) -> set[int]:
        """By a statement of its own: a statement sees the book as it was when it began, before it waited.

        A transaction that writes has the whole of a SQLite database to itself, whose dialect leaves the lock out.
        """
        statement = _LOCK if wait else _LOCK_FREE
        return {customer_id for (customer_id,) in statement.rows(self._connection, customer_ids)}

    def page(self, after: int, count: int, on: date) -> list[tuple[int, Borrower]]:
        """In the order of the primary key."""
        return [(row[0], _borrower(row, on)) for row in _PAGE.rows(self._connection, *_day(on), after, count)]


def borrowers_of(fetch: Callable[..., list[Row]], customer_ids: Collection[int], on: date) -> dict[int, Borrower]:
    """The borrowers on a business date, by customer_id.

    Args:
        fetch: Executes a statement with its parameters and gives the rows.
        customer_ids: Their ids; those that no customer has are left out.
        on: The business date.
    """
    return {row[0]: _borrower(row, on) for row in fetch(_BORROWERS, *_day(on), customer_ids)}


def _borrower(row: Row, on: date) -> Borrower:
    """Makes a borrower of a row, which begins with the customer_id."""
    _, monthly_income, approved_limit, non_performing_since, next_due, *figures = row
    days = None if next_due is None or next_due > (today := on.toordinal()) else today - next_due
    worst = asset_class(days, was_non_performing=non_performing_since is not None)
    return Borrower(monthly_income, approved_limit, CreditPosition._make((*figures, days or 0, worst)))


@lru_cache(maxsize=8)
def _day(on: date) -> tuple[int, int, int, int]:
    """The parameters of a business date, as `_DAY_PARAMETERS` names them."""
    month_ends = on.day == monthrange(on.year, on.month)[1]
    # On the last day of a month everything of that month has fallen due, that of its missing days too.
    return on.year, on.year * 12 + on.month, _LAST_DAY if month_ends else on.day, on.toordinal()
