"""Customers in the database."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.imports import BookCustomer, BookCustomers
from almeno_grpc.storage.additions import Addition, added_whole
from almeno_grpc.storage.lookups import in_pieces, present
from almeno_grpc.storage.sequences import number_above
from almeno_grpc.storage.statements import Statement, insertion
from almeno_grpc.storage.tables import FIRST_OWN_ID
from almeno_grpc.storage.tables import customer as table

_COLUMNS = (
    table.c.customer_id,
    table.c.first_name,
    table.c.last_name,
    table.c.age,
    table.c.phone_number,
    table.c.monthly_income_paise,
    table.c.approved_limit_paise,
    table.c.create_time_us,
)
_BY_ID = Statement(select(*_COLUMNS).where(table.c.customer_id == bindparam("customer_id")), "customer_id")
_ID_BY_PHONE = Statement(
    select(table.c.customer_id).where(table.c.phone_number == bindparam("phone_number")), "phone_number"
)
_PAGE = (
    select(*_COLUMNS)
    .where(table.c.customer_id > bindparam("after"))
    .order_by(table.c.customer_id)
    .limit(bindparam("count"))
)
_COUNT = select(func.count()).select_from(table)
_IMPORTED = select(*_COLUMNS, table.c.imported)
_BY_IDS = _IMPORTED.where(table.c.customer_id.in_(bindparam("ids", expanding=True)))
_BY_PHONES = _IMPORTED.where(table.c.phone_number.in_(bindparam("phone_numbers", expanding=True)))
_ADD = insertion(table, (*_COLUMNS[1:-1], table.c.imported, table.c.create_time_us), returning=table.c.customer_id)
_ADD_OF_SHEET = Addition(table, imported=True)
_UPDATE = (
    update(table)
    .where(table.c.customer_id == bindparam("key"))
    .values(
        first_name=bindparam("first_name"),
        last_name=bindparam("last_name"),
        age=bindparam("age"),
        phone_number=bindparam("phone_number"),
        monthly_income_paise=bindparam("monthly_income_paise"),
        approved_limit_paise=bindparam("approved_limit_paise"),
    )
)


class Customers:
    """The customers, as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, customer_id: int) -> Customer | None:
        """The customer with the number, if there is one."""
        row = _BY_ID.row(self._connection, customer_id)
        return Customer(*row) if row else None

    def holds_phone_number(self, phone_number: str) -> bool:
        """Whether a customer has the number."""
        return _ID_BY_PHONE.row(self._connection, phone_number) is not None

    def page(self, after: int, count: int) -> list[Customer]:
        """Up to `count` customers with a number above `after`, in the order of their numbers."""
        return [Customer(*row) for row in self._connection.execute(_PAGE, {"after": after, "count": count})]

    def count(self) -> int:
        """How many customers there are."""
        return int(self._connection.execute(_COUNT).scalar_one())

    def add(self, customer: Customer) -> int:
        """Registers a customer under the next number of the service's own, which it gives back."""
        imported = False
        [(customer_id,)] = _ADD.rows(self._connection, *_values(customer).values(), imported, customer.create_time)
        return int(customer_id)

    def existing(self, ids: Iterable[int]) -> set[int]:
        """Those of the numbers that customers have."""
        return present(self._connection, table.c.customer_id, ids)

    def matching(self, ids: Sequence[int], phone_numbers: Sequence[str]) -> list[tuple[Customer, bool]]:
        """The customers with any of the numbers or phone numbers, each with whether it was imported."""
        by_ids = (self._connection.execute(_BY_IDS, {"ids": piece}) for piece in in_pieces(ids))
        by_phones = (
            self._connection.execute(_BY_PHONES, {"phone_numbers": piece}) for piece in in_pieces(phone_numbers)
        )
        return [(Customer(*row[:-1]), row[-1]) for rows in (*by_ids, *by_phones) for row in rows]

    def import_new(self, rows: Sequence[BookCustomer], create_time: int) -> None:
        """Adds customers under the sheet's numbers."""
        number_above(self._connection, table.c.customer_id, max(row.customer_id for row in rows))
        _ADD_OF_SHEET.add(self._connection, _stored(BookCustomers.of(rows), create_time))

    def import_if_new(self, rows: BookCustomers, create_time: int) -> bool:
        """Adds customers under the sheet's numbers, if those and the phone numbers are free; else adds none."""
        # A number like the service's own moves on those that it gives, and is to stand for somebody.
        _, ids, *_ = rows.columns
        if max(ids) >= FIRST_OWN_ID:
            return False
        return added_whole(self._connection, lambda: _ADD_OF_SHEET.add(self._connection, _stored(rows, create_time)))

    def import_changed(self, row: BookCustomer) -> None:
        """Brings a customer up to what the sheet says."""
        self._connection.execute(_UPDATE, {**_values(row), "key": row.customer_id})


def _stored(rows: BookCustomers, create_time: int) -> Sequence[Sequence[Any]]:
    """Rows of a sheet as columns of the table, which it has in the same order behind its row numbers."""
    _, *columns = rows.columns
    return *columns, [create_time] * len(rows)


def _values(customer: Customer | BookCustomer) -> dict[str, Any]:
    """The columns that a sheet has too, behind the number and in order."""
    return {
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "age": customer.age,
        "phone_number": customer.phone_number,
        "monthly_income_paise": customer.monthly_income,
        "approved_limit_paise": customer.approved_limit,
    }
