"""Customers in the database."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from almeno_grpc.domain.change_event import ChangeEventKind
from almeno_grpc.domain.customer import Customer, CustomerField, e164_of
from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.domain.imports import CustomerRow, CustomerRows
from almeno_grpc.domain.names import keys_beginning_with, name_keys
from almeno_grpc.storage.audit_rows import CUSTOMER
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.bulk import BulkInsert, batches_of, existing_keys
from almeno_grpc.storage.change_event_writes import customer_draft, kind_of_update
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import customer as table
from almeno_grpc.storage.tables import customer_name, phone_number

_COLUMNS = (
    table.c.customer_id,
    table.c.first_name,
    table.c.last_name,
    table.c.age,
    table.c.phone_digits,
    table.c.monthly_income_paise,
    table.c.approved_limit_paise,
    table.c.create_time_us,
    table.c.changed_fields,
)
_SELECT = select(*_COLUMNS)
_BY_ID = CompiledStatement(_SELECT.where(table.c.customer_id == bindparam("customer_id")), "customer_id")
_BY_IDS = KeyedStatement(_SELECT.add_columns(table.c.imported), table.c.customer_id)
_PAGE = CompiledStatement(
    _SELECT.where(table.c.customer_id > bindparam("after")).order_by(table.c.customer_id).limit(bindparam("count")),
    "after",
    "count",
)
# Whom a name finds is read from the keys alone, and only then sorted: a page of a rare name never walks the customers.
_FOUND = CompiledStatement(
    select(customer_name.c.customer_id)
    .distinct()
    .where(
        customer_name.c.key >= bindparam("first"),
        customer_name.c.key <= bindparam("last"),
        customer_name.c.customer_id > bindparam("after"),
    )
    .order_by(customer_name.c.customer_id)
    .limit(bindparam("count")),
    "first",
    "last",
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
INSERT_NAME = TableWrite(customer_name, tuple(customer_name.c))
_DELETE_PHONE_NUMBER = delete(phone_number).where(
    phone_number.c.digits == bindparam("number"), phone_number.c.customer_id == bindparam("holder")
)
_DELETE_NAME = delete(customer_name).where(
    customer_name.c.key == bindparam("name"), customer_name.c.customer_id == bindparam("holder")
)
_IMPORT = BulkInsert(table, imported=True, non_performing_since_day=None, changed_fields=0)
_IMPORT_PHONE_NUMBERS = BulkInsert(phone_number)
_IMPORT_NAMES = BulkInsert(customer_name)
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
        changed_fields=bindparam("changed_fields"),
    )
)


class Customers:
    """The customers, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection
        self._backend = transaction.backend
        self._audit = transaction.audit
        self._events = transaction.change_events

    def get(self, customer_id: int) -> Customer | None:
        """By primary key."""
        row = _BY_ID.row(self._connection, customer_id)
        return _customer(row) if row else None

    def page(self, after: int, count: int) -> list[Customer]:
        """In the order of the primary key."""
        return list(map(_customer, _PAGE.rows(self._connection, after, count)))

    def found_by_name(self, prefix: str, after: int, count: int) -> list[Customer]:
        """By the range of keys."""
        found = _FOUND.rows(self._connection, *keys_beginning_with(prefix), after, count)
        return self._sorted([customer_id for (customer_id,) in found])

    def found_by_phone_number(self, digits: int, after: int, count: int) -> list[Customer]:
        """By primary key."""
        return self._sorted([each for each in self.phone_number_holders([digits]).values() if each > after][:count])

    def _sorted(self, ids: Sequence[int]) -> list[Customer]:
        return sorted((customer for customer, _ in self.with_ids(ids)), key=lambda customer: customer.customer_id)

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
        inserted = list(zip(*columns[:-1], repeat(True), columns[-1], repeat(None), repeat(0), strict=False))
        self._audit.note(CUSTOMER.inserted(inserted))
        self._events.note(customer_draft(ChangeEventKind.CUSTOMER_IMPORTED, row) for row in inserted)
        names = chain.from_iterable(map(names_of, rows))
        # By the key alone, which takes half as long: for equal ones any order will do.
        _IMPORT_NAMES.insert(self._connection, list(zip(*sorted(names, key=itemgetter(0)), strict=True)))
        holders = sorted((row.phone_digits, row.customer_id) for row in rows)
        try:
            _IMPORT_PHONE_NUMBERS.insert(self._connection, list(zip(*holders, strict=True)))
        except IntegrityError as error:
            raise WriteConflict("a phone number of the import was taken meanwhile") from error

    def set_non_performing_since(self, customer_id: int, since: date | None) -> None:
        """By primary key."""
        [stored] = _LOCKED.rows(self._connection, customer_id)
        after = with_non_performing_since(stored, since)
        UPDATE_NON_PERFORMING.by_row.rows(self._connection, *non_performing_row_of(after))
        self._audit.note(CUSTOMER.updated([stored], [after]))
        self._events.note([customer_draft(ChangeEventKind.CUSTOMER_CLASS_CHANGED, after)])

    def change(
        self, before: Customer | CustomerRow, after: Customer | CustomerRow, changed_fields: CustomerField
    ) -> None:
        """By primary key; where phone number or names change, their tables are changed too."""
        [stored] = _LOCKED.rows(self._connection, after.customer_id)
        key, old, new = after.customer_id, _values(before), _values(after)
        *others, fields_before = stored[7:]
        if stored[1:7] != tuple(old.values()) or CustomerField(fields_before) not in changed_fields:
            raise WriteConflict("the customer was changed meanwhile; send the request again")
        self._connection.execute(_UPDATE, {**new, "changed_fields": int(changed_fields), "key": key})
        changed = (key, *new.values(), *others, int(changed_fields))
        self._audit.note(CUSTOMER.updated([stored], [changed]))
        self._events.note([customer_draft(kind_of_update(stored, changed), changed)])
        if before.phone_digits != after.phone_digits:
            self._connection.execute(_DELETE_PHONE_NUMBER, {"number": before.phone_digits, "holder": key})
            try:
                INSERT_PHONE_NUMBER.by_row.rows(self._connection, after.phone_digits, key)
            except IntegrityError as error:
                raise WriteConflict("the phone number was taken meanwhile; send the request again") from error
        names_before, names_after = set(names_of(before)), set(names_of(after))
        for name, _ in names_before - names_after:
            self._connection.execute(_DELETE_NAME, {"name": name, "holder": key})
        for name, _ in names_after - names_before:
            INSERT_NAME.by_row.rows(self._connection, name, key)


def row_of(customer: Customer) -> tuple[Any, ...]:
    """The row of a customer who was registered, for `INSERT`."""
    return (
        customer.customer_id,
        *_values(customer).values(),
        False,
        customer.create_time,
        None,
        int(customer.changed_fields),
    )


def non_performing_row_of(row: Row) -> Row:
    """The row for `UPDATE_NON_PERFORMING`, of the row of a customer."""
    return row[0], row[-2]


def with_non_performing_since(row: Row, since: date | None) -> Row:
    """The row of a customer with another day since when the customer has been non-performing."""
    return *row[:-2], since and since.toordinal(), row[-1]


def names_of(customer: Customer | CustomerRow) -> list[Row]:
    """The rows of a customer's name keys, for `INSERT_NAME`."""
    return [(key, customer.customer_id) for key in name_keys(customer.first_name, customer.last_name)]


def _customer(row: Any) -> Customer:
    customer_id, first_name, last_name, age, digits, income, limit, create_time, fields, *_ = row
    return Customer(
        customer_id, first_name, last_name, age, e164_of(digits), income, limit, create_time, CustomerField(fields)
    )


def customer_of_row(row: Sequence[Any]) -> Customer:
    """The customer of a row of all columns."""
    *figures, _, create_time, _, changed_fields = row
    return _customer((*figures, create_time, changed_fields))


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
