"""Customers in the database."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from almeno_grpc.domain.customer import Customer, e164_of, phone_digits
from almeno_grpc.domain.errors import PhoneNumberTaken
from almeno_grpc.domain.imports import CustomerRow, CustomerRows
from almeno_grpc.storage.bulk import Addition, added_whole
from almeno_grpc.storage.lookups import in_pieces, present
from almeno_grpc.storage.sequences import number_above
from almeno_grpc.storage.compiled import Statement, insertion
from almeno_grpc.storage.tables import FIRST_GENERATED_ID
from almeno_grpc.storage.tables import customer as table
from almeno_grpc.storage.tables import phone_number as held

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
_BY_ID = Statement(select(*_COLUMNS).where(table.c.customer_id == bindparam("customer_id")), "customer_id")
_HOLDER = Statement(select(held.c.customer_id).where(held.c.digits == bindparam("number")), "number")
_HOLDERS = select(held.c.digits, held.c.customer_id).where(held.c.digits.in_(bindparam("numbers", expanding=True)))
_HOLD = insertion(held, held.c)
_HOLD_EACH = Addition(held)
_LET_GO = Statement(
    delete(held).where(held.c.digits == bindparam("number"), held.c.customer_id == bindparam("customer_id")),
    "number",
    "customer_id",
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
_ADD = insertion(table, (*_COLUMNS[1:-1], table.c.imported, table.c.create_time_us), returning=table.c.customer_id)
_ADD_OF_SHEET = Addition(table, imported=True)
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

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, customer_id: int) -> Customer | None:
        """The customer with the number, if there is one."""
        row = _BY_ID.row(self._connection, customer_id)
        return _customer(row) if row else None

    def holds_phone_number(self, phone_number: str) -> bool:
        """Whether a customer has the number."""
        return _HOLDER.row(self._connection, phone_digits(phone_number)) is not None

    def page(self, after: int, count: int) -> list[Customer]:
        """Up to `count` customers with a number above `after`, in the order of their numbers."""
        return [_customer(row) for row in self._connection.execute(_PAGE, {"after": after, "count": count})]

    def count(self) -> int:
        """How many customers there are."""
        return int(self._connection.execute(_COUNT).scalar_one())

    def add(self, customer: Customer) -> int:
        """Registers a customer under the next number of the service's own, which it gives back."""
        imported = False
        [(customer_id,)] = _ADD.rows(self._connection, *_values(customer).values(), imported, customer.create_time)
        _HOLD.rows(self._connection, customer.phone_digits, customer_id)
        return int(customer_id)

    def existing(self, ids: Iterable[int]) -> set[int]:
        """Those of the numbers that customers have."""
        return present(self._connection, table.c.customer_id, ids)

    def with_ids(self, ids: Sequence[int]) -> list[tuple[Customer, bool]]:
        """The customers with any of the numbers, each with whether it was imported."""
        by_ids = (self._connection.execute(_BY_IDS, {"ids": piece}) for piece in in_pieces(ids))
        return [(_customer(row), row[-1]) for rows in by_ids for row in rows]

    def phone_number_holders(self, digits: Sequence[int]) -> dict[int, int]:
        """Those of the phone numbers, by their digits, that customers have, each with the customer's number."""
        pieces = (self._connection.execute(_HOLDERS, {"numbers": piece}) for piece in in_pieces(digits))
        return {number: customer_id for rows in pieces for number, customer_id in rows}

    def import_new(self, rows: Sequence[CustomerRow], create_time: int) -> None:
        """Adds customers under the sheet's numbers, and takes their phone numbers."""
        number_above(self._connection, table.c.customer_id, max(row.customer_id for row in rows))
        stored = CustomerRows.of(rows)
        _ADD_OF_SHEET.add(self._connection, _stored(stored, create_time))
        self.take_phone_numbers([stored])

    def import_if_new(self, rows: CustomerRows, create_time: int) -> bool:
        """Adds customers under the sheet's numbers, if those are free; else adds none.

        Their phone numbers have to be taken for them in the same transaction.
        """
        # A number like the service's own moves on those that it gives, and is to stand for somebody.
        _, ids, *_ = rows.columns
        if max(ids) >= FIRST_GENERATED_ID:
            return False
        return added_whole(self._connection, lambda: _ADD_OF_SHEET.add(self._connection, _stored(rows, create_time)))

    def take_phone_numbers(self, parts: Sequence[CustomerRows]) -> None:
        """Takes the phone numbers of imported customers for them: the more at once, the quicker.

        Raises:
            PhoneNumberTaken: Two of them have the same, or another customer has one of them.
        """
        holder_of: dict[int, int] = {}
        for part in parts:
            _, ids, _, _, _, digits, *_ = part.columns
            holder_of.update(zip(digits, ids, strict=True))
        if len(holder_of) < sum(map(len, parts)):
            raise PhoneNumberTaken
        in_order = sorted(holder_of)
        try:
            _HOLD_EACH.add(self._connection, (in_order, list(map(holder_of.__getitem__, in_order))))
        except IntegrityError as error:
            # Here it is no conflict that might go better the next time.
            raise PhoneNumberTaken from error

    def import_changed(self, row: CustomerRow, digits_before: int) -> None:
        """Brings a customer up to what the sheet says."""
        self._connection.execute(_UPDATE, {**_values(row), "key": row.customer_id})
        if row.phone_digits != digits_before:
            _LET_GO.rows(self._connection, digits_before, row.customer_id)
            _HOLD.rows(self._connection, row.phone_digits, row.customer_id)


def _customer(row: Any) -> Customer:
    customer_id, first_name, last_name, age, digits, income, limit, create_time, *_ = row
    return Customer(customer_id, first_name, last_name, age, e164_of(digits), income, limit, create_time)


def _stored(rows: CustomerRows, create_time: int) -> Sequence[Sequence[Any]]:
    """Rows of a sheet as columns of the table, which it has in the same order behind its row numbers."""
    _, *columns = rows.columns
    return *columns, [create_time] * len(rows)


def _values(customer: Customer | CustomerRow) -> dict[str, Any]:
    """The columns that a sheet has too, behind the number and in order."""
    return {
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "age": customer.age,
        "phone_digits": customer.phone_digits,
        "monthly_income_paise": customer.monthly_income,
        "approved_limit_paise": customer.approved_limit,
    }
