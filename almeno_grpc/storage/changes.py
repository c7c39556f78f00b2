"""Changes of the book as rows of its tables, with the audit events that vouch for them."""

from collections.abc import Sequence

from almeno_grpc.service.store import Changes
from almeno_grpc.storage import (
    audit_rows,
    audit_writes,
    business_days,
    customers,
    decisions,
    idempotency,
    loans,
    policy_pins,
    repayments,
)
from almeno_grpc.storage.audit_writes import AuditWrites
from almeno_grpc.storage.compiled import Row
from almeno_grpc.storage.loan_rows import row_of as loan_row_of
from almeno_grpc.storage.table_write import TableWrite


class _Rows:
    """The rows of any number of changes."""

    def __init__(self) -> None:
        self.customers: list[Row] = []
        self.decisions: list[Row] = []
        self.loans: list[Row] = []
        self.repayments: list[Row] = []
        self.repaid_loans: list[Row] = []
        self.business_days: list[Row] = []
        self.policy_pins: dict[str, str] = {}
        self.idempotency_records: list[Row] = []
        self.events: list[Row] = []

    def add(self, changes: Changes, audit: AuditWrites) -> None:
        """Adds the rows of changes, and their event."""
        new_customers = list(map(customers.row_of, changes.customers))
        new_decisions = list(map(decisions.row_of, changes.decisions))
        new_loans = list(map(loan_row_of, changes.loans))
        new_repayments = list(map(repayments.row_of, changes.repayments))
        # Of the requests of a transaction several may be the first that a policy decides.
        pins = {version: sha for version, sha in changes.policy_pins.items() if version not in self.policy_pins}
        self.customers += new_customers
        self.decisions += new_decisions
        self.loans += new_loans
        self.repayments += new_repayments
        self.repaid_loans += map(loans.repaid_row_of, changes.repaid_loans)
        self.business_days += business_days.rows_of(changes)
        self.policy_pins |= pins
        self.idempotency_records += changes.idempotency_records
        if changes.event is not None:
            inserted = (
                (audit_rows.CUSTOMER, new_customers),
                (audit_rows.DECISION, new_decisions),
                (audit_rows.LOAN, new_loans),
                (audit_rows.REPAYMENT, new_repayments),
                (audit_rows.POLICY_PIN, list(pins.items())),
            )
            written = [form.inserted(rows) for form, rows in inserted if rows]
            if changes.repaid_loans:
                before = list(map(loan_row_of, changes.loans_before))
                written.append(audit_rows.LOAN.updated(before, list(map(loan_row_of, changes.repaid_loans))))
            self.events.append(audit.row_of(changes.event, written))


def rows_of(parts: Sequence[Changes], audit: AuditWrites) -> list[tuple[TableWrite, Sequence[Row]]]:
    """The rows to write, in the order of their foreign keys; only of tables that have some."""
    rows = _Rows()
    for changes in parts:
        rows.add(changes, audit)
    phone_numbers = [(each.phone_digits, each.customer_id) for changes in parts for each in changes.customers]
    names = sorted(name for changes in parts for each in changes.customers for name in customers.names_of(each))
    loan_numbers = [(each.loan_id, each.customer_id) for changes in parts for each in changes.loans]
    writes: list[tuple[TableWrite, Sequence[Row]]] = [
        (customers.INSERT, rows.customers),
        (customers.INSERT_PHONE_NUMBER, phone_numbers),
        (customers.INSERT_NAME, names),
        (decisions.INSERT, rows.decisions),
        (loans.INSERT_NUMBER, loan_numbers),
        (loans.INSERT, rows.loans),
        (repayments.INSERT, rows.repayments),
        (loans.UPDATE_REPAID, rows.repaid_loans),
        (business_days.INSERT, rows.business_days),
        (policy_pins.INSERT, list(rows.policy_pins.items())),
        (idempotency.INSERT, rows.idempotency_records),
        (audit_writes.INSERT, rows.events),
    ]
    return [(write, some) for write, some in writes if some]
