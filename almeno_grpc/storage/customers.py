"""Customers in the database."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from itertools import repeat
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from almeno_grpc.domain.customer import Customer, e164_of
from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.domain.imports import CustomerRow, CustomerRows
from almeno_grpc.storage.audit_rows import CUSTOMER
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.bulk import BulkInsert, batches_of, existing_keys
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import customer as table
from almeno_grpc.storage.tables import phone_number

_COLUMNS = (
    table.c.customer_id,
    table.c.first_name,
    table.c.last_name,
    table.c.age,
    table.c.phone_digits,
    table.c.monthly_income_paise,
    table.c.approved_limit_paise,
    table.c.create_time_us,
)
_SELECT = select(*_COLUMNS)
_BY_ID = CompiledStatement(_SELECT.where(table.c.customer_id == bindparam("customer_id")), "customer_id")
_BY_IDS = KeyedStatement(_SELECT.add_columns(table.c.imported), table.c.customer_id)
_PAGE = CompiledStatement(
    _SELECT.where(table.c.customer_id > bindparam("after")).order_by(table.c.customer_id).limit(bindparam("count")),
    "after",
    "count",
)
_COUNT = select(func.count()).select_from(table)
_HOLDERS = KeyedStatement(select(phone_number.c.digits, phone_number.c.customer_id), phone_number.c.digits)
_LOCKED = CompiledStatement(
    select(*table.c).where(table.c.customer_id == bindparam("customer_id")).with_for_update(), "customer_id"
)
_ROWS = KeyedStatement(select(*table.c), table.c.customer_id)
_NON_PERFORMING = KeyedStatement(
    select(table.c.customer_id, table.c.non_performing_since_day).where(table.c.non_performing_since_day.is_not(None)),
    table.c.customer_id,
)
INSERT = TableWrite(table, tuple(table.c))
UPDATE_NON_PERFORMING = TableWrite(table, (table.c.non_performing_since_day,), keys=(table.c.customer_id,))
INSERT_PHONE_NUMBER = TableWrite(phone_number, tuple(phone_number.c))
_DELETE_PHONE_NUMBER = delete(phone_number).where(
    phone_number.c.digits == bindparam("number"), phone_number.c.customer_id == bindparam("holder")
)
_IMPORT = BulkInsert(table, imported=True, non_performing_since_day=None)
_IMPORT_PHONE_NUMBERS = BulkInsert(phone_number)
_UPDATE = (
    update(table)
    .where(table.c.customer_id == bindparam("key"))
    .values(
        first_name=bindparam("first_name"),
        last_name=bindparam("last_name"),
        age=bindparam("age"),
        phone_digits=bindparam("phone_digits"),
        monthly_income_paise=bindparam("monthly_income_paise"),
        approved_limit_paise=bindparam("approved_limit_paise"),
    )
)


class Customers:
    """The customers, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection
        self._backend = transaction.backend
        self._audit = transaction.audit

    def get(self, customer_id: int) -> Customer | None:
        """By primary key."""
        row = _BY_ID.row(self._connection, customer_id)
        return _customer(row) if row else None

    def page(self, after: int, count: int) -> list[Customer]:
        """In the order of the primary key."""
        return list(map(_customer, _PAGE.rows(self._connection, after, count)))

    def count(self) -> int:
        """Every row is visited."""
        return int(self._connection.execute(_COUNT).scalar_one())

    def reserve_ids(self, count: int) -> list[int]:
        """As the backend generates them."""
        return self._backend.next_ids(self._connection, table.c.customer_id, count)

    def phone_number_holders(self, digits: Sequence[int]) -> dict[int, int]:
        """By primary key."""
        batches = (_HOLDERS.rows(self._connection, some) for some in batches_of(digits))
        return {number: customer_id for rows in batches for number, customer_id in rows}

    def existing(self, ids: Iterable[int]) -> set[int]:
        """By primary key."""
        return existing_keys(self._connection, table.c.customer_id, ids)

    def non_performing_since(self, ids: Collection[int]) -> dict[int, date]:
        """By primary key."""
        return {key: date.fromordinal(day) for key, day in _NON_PERFORMING.rows(self._connection, ids)}

    def rows(self, ids: Collection[int]) -> dict[int, Row]:
        """Customers as rows of the table, by primary key."""
        return {row[0]: row for row in _ROWS.rows(self._connection, ids)}

    def with_ids(self, ids: Sequence[int]) -> list[tuple[Customer, bool]]:
        """By primary key."""
        batches = (_BY_IDS.rows(self._connection, some) for some in batches_of(ids))
        return [(_customer(row), row[-1]) for rows in batches for row in rows]

    def import_new(self, rows: Sequence[CustomerRow], create_time: int) -> None:
        """By bulk inserts, the phone numbers in their order."""
        self._backend.advance_ids(self._connection, table.c.customer_id, max(row.customer_id for row in rows))
        columns = _table_columns(CustomerRows.of(rows), create_time)
        _IMPORT.insert(self._connection, columns)
        self._audit.note(
            CUSTOMER.inserted(list(zip(*columns[:-1], repeat(True), columns[-1], repeat(None), strict=False)))
        )
        holders = sorted((row.phone_digits, row.customer_id) for row in rows)
        try:
            _IMPORT_PHONE_NUMBERS.insert(self._connection, list(zip(*holders, strict=True)))
        except IntegrityError as error:
            raise WriteConflict("a phone number of the import was taken meanwhile") from error

    def import_changed(self, row: CustomerRow, digits_before: int) -> None:
        """Where the phone number changes, its table is changed too."""
        [before] = _LOCKED.rows(self._connection, row.customer_id)
        self._connection.execute(_UPDATE, {**_values(row), "key": row.customer_id})
        after = (row.customer_id, *_values(row).values(), *before[-3:])
        self._audit.note(CUSTOMER.updated([before], [after]))
        if row.phone_digits != digits_before:
            self._connection.execute(_DELETE_PHONE_NUMBER, {"number": digits_before, "holder": row.customer_id})
            INSERT_PHONE_NUMBER.by_row.rows(self._connection, row.phone_digits, row.customer_id)


def row_of(customer: Customer) -> tuple[Any, ...]:
    """The row of a customer who was registered, for `INSERT`."""
    return customer.customer_id, *_values(customer).values(), False, customer.create_time, None


def non_performing_row_of(row: Row) -> Row:
    """The row for `UPDATE_NON_PERFORMING`, of the row of a customer."""
    return row[0], row[-1]


def with_non_performing_since(row: Row, since: date | None) -> Row:
    """The row of a customer with another day since when the customer has been non-performing."""
    return *row[:-1], since and since.toordinal()


def _customer(row: Any) -> Customer:
    customer_id, first_name, last_name, age, digits, income, limit, create_time, *_ = row
    return Customer(customer_id, first_name, last_name, age, e164_of(digits), income, limit, create_time)


def _table_columns(rows: CustomerRows, create_time: int) -> Sequence[Sequence[Any]]:
    """Rows of a sheet as columns of the table, which it has in the same order behind its row numbers."""
    _, *columns = rows.columns
    return *columns, [create_time] * len(rows)


def _values(customer: Customer | CustomerRow) -> dict[str, Any]:
    """The columns that a sheet has too, behind the customer_id and in order."""
    return {
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "age": customer.age,
        "phone_digits": customer.phone_digits,
        "monthly_income_paise": customer.monthly_income,
        "approved_limit_paise": customer.approved_limit,
    }
