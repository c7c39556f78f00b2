"""Changes of the book as rows of its tables, with the audit events that vouch for them."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from almeno_grpc.service.store import Changes, IdempotencyRecord
from almeno_grpc.storage import (
    audit_rows,
    audit_writes,
    business_days,
    change_event_writes,
    charges,
    customers,
    decisions,
    idempotency,
    loans,
    policy_pins,
    repayments,
    sanction_ends,
    segments,
    terms_pins,
)
from almeno_grpc.storage.audit_rows import RowChanges, RowForm
from almeno_grpc.storage.audit_writes import AuditWrites
from almeno_grpc.storage.compiled import Row
from almeno_grpc.storage.loan_rows import row_of as loan_row_of
from almeno_grpc.storage.table_write import TableWrite


class _Rows:
    """The rows of any number of changes."""

    def __init__(self, customer_rows: dict[int, Row]) -> None:
        self.customers: list[Row] = []
        self.decisions: list[Row] = []
        self.loans: list[Row] = []
        self.repayments: list[Row] = []
        self.reversals: list[Row] = []
        self.segments: list[Row] = []
        self.charges: list[Row] = []
        self.sanction_ends: list[Row] = []
        self.updated_loans: list[Row] = []
        self.customer_rows = customer_rows
        """Customers whose class changes, by customer_id: two changes of a transaction may be of one customer."""
        self.business_days: list[Row] = []
        self.policy_pins: dict[str, str] = {}
        self.terms_pins: dict[str, Row] = {}
        self.idempotency_records: list[IdempotencyRecord] = []
        self.events: list[Row] = []
        self.change_events: list[Row] = []

    def add(self, changes: Changes, audit: AuditWrites) -> None:
        """Adds the rows of changes, and their event."""
        # Of the requests of a transaction several may be the first that a policy decides.
        pins = {version: sha for version, sha in changes.policy_pins.items() if version not in self.policy_pins}
        inserted: tuple[tuple[RowForm, list[Row], Callable[[Any], Row], Sequence[Any]], ...] = (
            (audit_rows.CUSTOMER, self.customers, customers.row_of, changes.customers),
            (audit_rows.DECISION, self.decisions, decisions.row_of, changes.decisions),
            (audit_rows.LOAN, self.loans, loan_row_of, changes.loans),
            (audit_rows.REPAYMENT, self.repayments, repayments.row_of, changes.repayments),
            (audit_rows.REPAYMENT_REVERSAL, self.reversals, repayments.reversal_row_of, changes.reversals),
            (audit_rows.LOAN_SEGMENT, self.segments, segments.row_of, changes.segments),
            (audit_rows.LOAN_CHARGE, self.charges, charges.row_of, changes.charge_entries),
            (audit_rows.SANCTION_END, self.sanction_ends, sanction_ends.row_of, changes.sanction_ends),
        )
        written: list[RowChanges] = []
        of_form: dict[RowForm, list[Row]] = {}
        for form, rows, row_of, new in inserted:
            if new:
                new_rows = of_form[form] = list(map(row_of, new))
                rows.extend(new_rows)
                written.append(form.inserted(new_rows))
        new_terms = {
            version: terms_pins.row_of(terms)
            for version, terms in changes.terms_pins.items()
            if version not in self.terms_pins
        }
        if new_terms:
            written.append(audit_rows.TERMS_PIN.inserted(list(new_terms.values())))
        if pins:
            written.append(audit_rows.POLICY_PIN.inserted(list(pins.items())))
        before, after = [], list(map(loan_row_of, changes.updated_loans))
        if after:
            self.updated_loans += map(loans.updated_row_of, after)
            if changes.event is not None:
                before = list(map(loan_row_of, changes.loans_before))
                written.append(audit_rows.LOAN.updated(before, after))
        if changes.non_performing_customers:
            written.append(self._update_customers(changes))
        self.business_days += business_days.rows_of(changes)
        self.policy_pins |= pins
        self.terms_pins |= new_terms
        self.idempotency_records += changes.idempotency_records
        if changes.event is not None:
            self.events.append(audit.row_of(changes.event, written))
            self._add_change_events(changes, of_form, list(zip(before, after, strict=True)) if after else ())

    def _add_change_events(
        self, changes: Changes, of_form: dict[RowForm, list[Row]], updated: Sequence[tuple[Row, Row]]
    ) -> None:
        payments: list[Row] = []
        if changes.repayments:
            payments = [repayments.with_reversal(row, None) for row in of_form[audit_rows.REPAYMENT]]
        elif changes.reversals:
            reversals = zip(changes.reversals, of_form[audit_rows.REPAYMENT_REVERSAL], strict=True)
            payments = [repayments.with_reversal(repayments.row_of(each), reversal) for each, reversal in reversals]
        self.change_events += change_event_writes.rows_of(
            changes,
            of_form.get(audit_rows.CUSTOMER, ()),
            of_form.get(audit_rows.LOAN, ()),
            payments,
            updated,
            [self.customer_rows[customer_id] for customer_id in changes.non_performing_customers],
        )

    def _update_customers(self, changes: Changes) -> RowChanges:
        since = changes.non_performing_customers
        before = [self.customer_rows[customer_id] for customer_id in since]
        after = list(map(customers.with_non_performing_since, before, since.values()))
        self.customer_rows |= zip(since, after, strict=True)
        return audit_rows.CUSTOMER.updated(before, after)


def rows_of(
    parts: Sequence[Changes],
    audit: AuditWrites,
    read_customers: Callable[[Collection[int]], dict[int, Row]],
    *,
    answers_apart: bool,
) -> list[tuple[TableWrite, Sequence[Row]]]:
    """The rows to write, in the order of their foreign keys; only of tables that have some.

    Args:
        parts: The changes.
        audit: Where their events go.
        read_customers: Gives the rows of customers, by customer_id, as they are before the changes.
        answers_apart: As of `idempotency.writes_of`.
    """
    reclassified = {customer_id for changes in parts for customer_id in changes.non_performing_customers}
    rows = _Rows(read_customers(reclassified) if reclassified else {})
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
        (repayments.INSERT_REVERSAL, rows.reversals),
        (segments.INSERT, rows.segments),
        (charges.INSERT, rows.charges),
        (sanction_ends.INSERT, rows.sanction_ends),
        (loans.UPDATE, rows.updated_loans),
        (customers.UPDATE_NON_PERFORMING, list(map(customers.non_performing_row_of, rows.customer_rows.values()))),
        (business_days.INSERT, rows.business_days),
        (policy_pins.INSERT, list(rows.policy_pins.items())),
        (terms_pins.INSERT, list(rows.terms_pins.values())),
        *idempotency.writes_of(rows.idempotency_records, answers_apart=answers_apart),
        (audit_writes.INSERT, rows.events),
        (change_event_writes.INSERT, rows.change_events),
    ]
    return [(write, some) for write, some in writes if some]
