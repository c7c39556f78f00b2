"""Checked rows of a file land in the book: one batch, one transaction.

Rows take effect in the order of the sheet, as if each were a transaction of its own; a batch saves the round trips.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.imports import BookCustomer, BookLoan, IssueOutcome, RowCounts, RowIssue
from almeno_grpc.domain.installments import InstallmentMethod, outstanding_after
from almeno_grpc.domain.loan import Loan
from almeno_grpc.service.store import Transaction


@dataclass
class _Tally:
    """What a batch has come to so far."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    issues: list[RowIssue] = field(default_factory=list)

    def reject(self, row_number: int, column: str, message: str) -> None:
        self.issues.append(RowIssue(row_number, IssueOutcome.REJECTED, column, message))

    def adjust(self, row_number: int, column: str, message: str) -> None:
        self.issues.append(RowIssue(row_number, IssueOutcome.ADJUSTED, column, message))


def land_batch(
    tx: Transaction,
    queue_number: int,
    rows: Sequence[BookCustomer | BookLoan],
    issues: Sequence[RowIssue],
    now: int,
) -> RowCounts:
    """Lands a batch of an import and notes its progress, in the same transaction.

    Args:
        tx: The transaction.
        queue_number: The import's place in the queue.
        rows: The good rows of the batch, in the order of the sheet.
        issues: What the row checks have found in the batch's rows, the rejected ones among them.
        now: The present instant, in microseconds since the epoch.
    """
    tally = _Tally()
    _land_customers(tx, [row for row in rows if isinstance(row, BookCustomer)], now, tally)
    _land_loans(tx, [row for row in rows if isinstance(row, BookLoan)], tally)
    everything = [*issues, *tally.issues]
    rejected = {issue.row_number for issue in everything if issue.outcome is IssueOutcome.REJECTED}
    adjusted = {issue.row_number for issue in everything if issue.outcome is IssueOutcome.ADJUSTED} - rejected
    # A row that is rejected after all was not adjusted.
    kept = [issue for issue in everything if issue.outcome is IssueOutcome.REJECTED or issue.row_number not in rejected]
    counts = RowCounts(tally.inserted, tally.updated, tally.unchanged, len(rejected), len(adjusted))
    tx.imports.add_progress(queue_number, counts, kept)
    return counts


def _land_customers(tx: Transaction, rows: Sequence[BookCustomer], now: int, tally: _Tally) -> None:
    if not rows:
        return
    known = tx.customers.matching([row.customer_id for row in rows], [row.phone_number for row in rows])
    by_id: dict[int, Customer | BookCustomer] = {customer.customer_id: customer for customer, _ in known}
    registered_here = {customer.customer_id for customer, imported in known if not imported}
    holder_of = {customer.phone_number: customer.customer_id for customer, _ in known}
    new: list[BookCustomer] = []
    for row in rows:
        before = by_id.get(row.customer_id)
        if before is not None and _same_customer(before, row):
            tally.unchanged += 1
            continue
        if row.customer_id in registered_here:
            tally.reject(row.row_number, "Customer ID", "is the number of a customer who was registered here")
            continue
        if holder_of.get(row.phone_number, row.customer_id) != row.customer_id:
            tally.reject(row.row_number, "Phone Number", f"is held by customer {holder_of[row.phone_number]}")
            continue
        if before is None:
            new.append(row)
            tally.inserted += 1
        else:
            # Changes may free a phone number that a later row takes, so what came before them goes first.
            _import_new_customers(tx, new, now)
            tx.customers.import_changed(row)
            holder_of.pop(before.phone_number, None)
            tally.updated += 1
        by_id[row.customer_id] = row
        holder_of[row.phone_number] = row.customer_id
    _import_new_customers(tx, new, now)


def _import_new_customers(tx: Transaction, new: list[BookCustomer], now: int) -> None:
    if new:
        tx.customers.import_new(new, now)
        new.clear()


def _same_customer(before: Customer | BookCustomer, row: BookCustomer) -> bool:
    return (
        before.first_name == row.first_name
        and before.last_name == row.last_name
        and before.age == row.age
        and before.phone_number == row.phone_number
        and before.monthly_income == row.monthly_income
        and before.approved_limit == row.approved_limit
    )


def _land_loans(tx: Transaction, rows: Sequence[BookLoan], tally: _Tally) -> None:
    if not rows:
        return
    customers = tx.customers.existing({row.customer_id for row in rows})
    known = tx.loans.by_source((row.customer_id, row.source_loan_id) for row in rows)
    taken = tx.loans.taken({row.source_loan_id for row in rows})
    new: list[Loan] = []
    for row in rows:
        if row.customer_id not in customers:
            tally.reject(row.row_number, "Customer ID", f"no customer has the number {row.customer_id}")
            continue
        key = (row.customer_id, row.source_loan_id)
        before = known.get(key)
        loan = _imported_loan(row)
        if before is not None:
            loan = replace(loan, loan_id=before.loan_id)
            if loan == before:
                tally.unchanged += 1
            else:
                _import_new_loans(tx, new)
                tx.loans.import_changed(loan)
                tally.updated += 1
        elif row.source_loan_id in taken:
            # The next number of the service's own depends on the numbers of the rows before.
            _import_new_loans(tx, new)
            loan = replace(loan, loan_id=tx.loans.add(loan))
            taken.add(loan.loan_id)
            tally.inserted += 1
        else:
            new.append(loan)
            taken.add(row.source_loan_id)
            tally.inserted += 1
        known[key] = loan
        if loan.loan_id != row.source_loan_id:
            tally.adjust(
                row.row_number,
                "Loan ID",
                f"{row.source_loan_id} is the number of another loan; this one has loan_id {loan.loan_id}",
            )
    _import_new_loans(tx, new)


def _import_new_loans(tx: Transaction, new: list[Loan]) -> None:
    if new:
        tx.loans.import_new(new)
        new.clear()


def _imported_loan(row: BookLoan) -> Loan:
    method = InstallmentMethod.ANNUAL_COMPOUND
    return Loan(
        loan_id=row.source_loan_id,
        customer_id=row.customer_id,
        loan_amount=row.loan_amount,
        interest_rate=row.interest_rate,
        tenure_months=row.tenure_months,
        monthly_installment=row.monthly_installment,
        installment_method=method,
        emis_paid=row.emis_paid,
        emis_paid_on_time=row.emis_paid_on_time,
        outstanding_principal=outstanding_after(
            method, row.loan_amount, row.interest_rate, row.tenure_months, row.monthly_installment, row.emis_paid
        ),
        approval_date=row.approval_date,
        source_loan_id=row.source_loan_id,
    )
