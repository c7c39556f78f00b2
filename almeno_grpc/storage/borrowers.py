"""What a decision has to know of a customer, or of many, in one statement.

The position is added up by the database: a check then costs one round trip and one row, whether the customer has three
loans or three hundred. This is the one place that adds it up; checks, bookings and answers all come here.
"""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Dialect,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from almeno_grpc.domain.decision import Borrower
from almeno_grpc.domain.months import day_number
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.storage.book_connection import BookConnection
from almeno_grpc.storage.backend import Database
from almeno_grpc.storage.compiled import Statement
from almeno_grpc.storage.tables import customer, loan

_LAST_DAY = 31


def _number(value: int) -> ColumnElement[int]:
    """A number that stands in the statement, rather than being passed to it each time."""
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


@compiles(_Smaller)
def _smaller(element: _Smaller, compiler: SQLCompiler, **options: Any) -> str:
    name = "min" if compiler.dialect.name == "sqlite" else "least"
    return f"{name}({compiler.process(element.clauses, **options)})"


_l = loan.c
# The columns are of 16 bits, the numbers made of them are not.
_year, _month = type_coerce(_l.approval_year, Integer), type_coerce(_l.approval_month, Integer)
APPROVED_BY_DATE = _year * _number(10_000) + _month * _number(100) + _l.approval_day <= bindparam(
    "day_number", type_=Integer
)
_months_due = (
    bindparam("month_number", type_=Integer)
    - _year * _number(12)
    - _month
    - case((_l.approval_day > bindparam("due_day", type_=Integer), _number(1)), else_=_number(0))
)
_active = _l.emis_paid < _l.tenure_months


def _borrowers(*of_loans: ColumnElement[bool]) -> Select[Any]:
    """The borrowers and their figures; what holds for the customers is to be said of their loans, too.

    The table's checks are relied on: of a loan repaid nothing is outstanding, no loan has more instalments paid on time
    than it has instalments, and a customer without loans has none that is active.
    """
    return (
        select(
            customer.c.customer_id,
            customer.c.monthly_income_paise,
            customer.c.approved_limit_paise,
            func.count(_l.loan_id),
            _count_if(_active),
            _count_if(_year == bindparam("year", type_=Integer)),
            _sum(_l.loan_amount_paise),
            _sum(_l.outstanding_principal_paise),
            _sum_if(_active, _l.monthly_installment_paise),
            _sum(_Smaller(_months_due, _l.tenure_months)),
            _sum(_Smaller(_months_due, _l.emis_paid_on_time)),
        )
        .select_from(
            customer.outerjoin(loan, and_(_l.customer_id == customer.c.customer_id, APPROVED_BY_DATE, *of_loans))
        )
        .group_by(customer.c.customer_id)
    )


_BORROWERS = _borrowers()
# PostgreSQL would merge the page with all loans from the first one on.
_PAGE = (
    _borrowers(_l.customer_id > bindparam("after"))
    .where(customer.c.customer_id > bindparam("after"))
    .order_by(customer.c.customer_id)
    .limit(bindparam("count"))
)
OF_CUSTOMER = customer.c.customer_id == bindparam("who")

_LOCK = Statement(
    select(customer.c.customer_id).where(customer.c.customer_id == bindparam("customer_id")).with_for_update(),
    "customer_id",
)


class BorrowerQuery:
    """The statement as a driver takes it: written once, for writing it anew would cost more than running it."""

    def __init__(self, dialect: Dialect, of_whom: ColumnElement[bool]) -> None:
        """Writes the statement.

        Args:
            dialect: One that passes parameters by their places.
            of_whom: Which customers, by the one parameter `who`, as in `OF_CUSTOMER`.
        """
        compiled = _BORROWERS.where(of_whom).compile(dialect=dialect)
        self.sql = str(compiled)
        # Only statements with parameters by their places have it. Who is asked for stands in the last condition.
        names: list[str] = getattr(compiled, "positiontup", None) or []
        *self._names, last = names
        if last != "who":
            raise ValueError(f"the last parameter is {last}: {self.sql}")
        self.of_day = lru_cache(maxsize=8)(self._of_day)
        """The statement's parameters on a business date, in their places, but for `who`, which is the last one."""

    def _of_day(self, on: date) -> tuple[int, ...]:
        parameters = _parameters(on)
        return tuple(parameters[name] for name in self._names)


def borrower_of(row: Sequence[int]) -> Borrower:
    """Makes a borrower of the statement's row, which begins with the customer's number."""
    return Borrower(row[1], row[2], CreditPosition._make(row[3:]))


class Borrowers:
    """The borrowers, as one transaction sees them."""

    def __init__(self, connection: BookConnection, database: Database) -> None:
        self._connection = connection
        self._database = database

    def get(self, customer_id: int, on: date) -> Borrower | None:
        """The borrower on a business date; None when no customer has the number."""
        return self._database.borrower_in(self._connection.connection_to_read(customer_id), customer_id, on)

    def get_locked(self, customer_id: int, on: date) -> Borrower | None:
        """The borrower on a business date, on whom no other transaction decides until this one has ended."""
        if not self._connection.is_alone:
            # A transaction that writes has the whole of a SQLite database to itself. Elsewhere the lock comes by a
            # statement of its own: a statement sees the book as it was when that began, before it waited.
            _LOCK.rows(self._connection.connection, customer_id)
        return self.get(customer_id, on)

    def page(self, after: int, count: int, on: date) -> list[tuple[int, Borrower]]:
        """Up to `count` borrowers with a number above `after`, each with the number, in the order of the numbers."""
        rows = self._connection.connection.execute(_PAGE, {**_parameters(on), "after": after, "count": count})
        return [(row[0], borrower_of(row)) for row in rows]


def _parameters(on: date) -> dict[str, int]:
    month_ends = on.day == monthrange(on.year, on.month)[1]
    return {
        "day_number": day_number(on),
        "year": on.year,
        "month_number": on.year * 12 + on.month,
        # On the last day of a month everything of that month has fallen due, that of its missing days too.
        "due_day": _LAST_DAY if month_ends else on.day,
    }
