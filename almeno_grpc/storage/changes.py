"""Changes of the book as rows of its tables."""

from collections.abc import Sequence

from almeno_grpc.service.store import Changes
from almeno_grpc.storage import business_days, customers, decisions, idempotency, loans, policy_pins, repayments
from almeno_grpc.storage.compiled import Row
from almeno_grpc.storage.loan_rows import row_of as loan_row_of
from almeno_grpc.storage.table_write import TableWrite


def rows_of(changes: Changes) -> list[tuple[TableWrite, Sequence[Row]]]:
    """The rows to write, in the order of their foreign keys; only of tables that have some."""
    new_customers, new_loans = changes.customers, changes.loans
    writes: list[tuple[TableWrite, Sequence[Row]]] = [
        (customers.INSERT, [customers.row_of(each) for each in new_customers]),
        (customers.INSERT_PHONE_NUMBER, [(each.phone_digits, each.customer_id) for each in new_customers]),
        (decisions.INSERT, [decisions.row_of(each) for each in changes.decisions]),
        (loans.INSERT_NUMBER, [(each.loan_id, each.customer_id) for each in new_loans]),
        (loans.INSERT, [loan_row_of(each) for each in new_loans]),
        (repayments.INSERT, [repayments.row_of(each) for each in changes.repayments]),
        (loans.UPDATE_REPAID, [loans.repaid_row_of(each) for each in changes.repaid_loans]),
        (business_days.INSERT, business_days.rows_of(changes)),
        (policy_pins.INSERT, list(changes.policy_pins.items())),
        (idempotency.INSERT, changes.idempotency_records),
    ]
    return [(write, rows) for write, rows in writes if rows]
