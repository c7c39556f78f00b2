"""Checked rows of a customer file are inserted into the book, or update it."""

from operator import attrgetter

from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.imports import CustomerRow, CustomerRows
from almeno_grpc.imports.upsert.batch_result import BatchResult
from almeno_grpc.service.store import Transaction

_FIGURES = attrgetter("first_name", "last_name", "age", "phone_digits", "monthly_income", "approved_limit")


def upsert_customers(tx: Transaction, rows: CustomerRows, now: int, result: BatchResult) -> None:
    """Imports customers.

    Raises:
        WriteConflict: Another server has taken a phone number of theirs meanwhile.
    """
    if not rows:
        return
    known = tx.customers.with_ids([row.customer_id for row in rows])
    by_id: dict[int, Customer | CustomerRow] = {customer.customer_id: customer for customer, _ in known}
    registered_here = {customer.customer_id for customer, imported in known if not imported}
    holder_of = tx.customers.phone_number_holders([row.phone_digits for row in rows])
    new: list[CustomerRow] = []
    for row in rows:
        before = by_id.get(row.customer_id)
        if before is not None and _FIGURES(before) == _FIGURES(row):
            result.unchanged += 1
            continue
        if row.customer_id in registered_here:
            result.reject(row.row_number, "Customer ID", "is the number of a customer who was registered here")
            continue
        if holder_of.get(row.phone_digits, row.customer_id) != row.customer_id:
            result.reject(row.row_number, "Phone Number", f"is held by customer {holder_of[row.phone_digits]}")
            continue
        if before is None:
            new.append(row)
            result.inserted += 1
        else:
            # Changes may free a phone number that a later row takes, so what came before them goes first.
            _import_new_customers(tx, new, now)
            tx.customers.import_changed(row, before.phone_digits)
            holder_of.pop(before.phone_digits, None)
            result.updated += 1
        by_id[row.customer_id] = row
        holder_of[row.phone_digits] = row.customer_id
    _import_new_customers(tx, new, now)


def _import_new_customers(tx: Transaction, new: list[CustomerRow], now: int) -> None:
    if new:
        tx.customers.import_new(new, now)
        new.clear()
