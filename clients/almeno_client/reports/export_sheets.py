"""The rows of exported sheets: loans under the headings of a lender's book, and lines of the journal."""

from collections.abc import Iterator
from decimal import Decimal

from almeno_client.export_records import ExportedLoan, JournalEntry
from almeno_client.records import LoanState
from almeno_client.reports.sheets import Cell

LOAN_HEADINGS = (
    # Those of the book, by which the sheet loads again.
    "Customer ID",
    "Loan ID",
    "Loan Amount",
    "Tenure",
    "Interest Rate",
    "Monthly payment",
    "EMIs paid on Time",
    "Date of Approval",
    "End Date",
    # Those by which a service knows the sheet for an export.
    "Installments Paid",
    "Paid toward Next Installment",
    "Installment Method",
    # The figures of the day.
    "As of",
    "State",
    "Outstanding Principal",
    "Days Past Due",
    "Asset Class",
    "Non-Performing since",
    "Overdue Amount",
    "Accrued Interest",
    "Open Charges",
    "Payoff",
    "Next Due Date",
    "Disbursement Date",
    "Booked Tenure",
    "Booked Monthly payment",
    "Terms",
    "Decision ID",
    "Service Loan ID",
)
JOURNAL_HEADINGS = ("Entry ID", "Entry Date", "Loan ID", "Customer ID", "Kind", "Account", "Debit", "Credit")

_NOT_LENT = (LoanState.SANCTIONED, LoanState.CANCELLED, LoanState.EXPIRED)


def loan_row(exported: ExportedLoan) -> tuple[Cell, ...]:
    """The row of a loan. Principal that is sanctioned only is not outstanding yet."""
    loan = exported.loan
    booked = loan.booked_terms
    return (
        loan.customer_id,
        loan.loan_id if loan.source_loan_id is None else loan.source_loan_id,
        loan.loan_amount,
        loan.tenure_months,
        _rate(loan.interest_rate),
        loan.monthly_installment,
        loan.emis_paid_on_time,
        loan.approval_date,
        loan.end_date,
        loan.emis_paid,
        loan.paid_toward_next,
        loan.installment_method.value,
        exported.as_of,
        loan.state.value,
        Decimal("0.00") if loan.state in _NOT_LENT else loan.outstanding_principal,
        loan.days_past_due,
        loan.asset_class.value,
        loan.non_performing_since,
        exported.overdue_amount,
        exported.accrued_interest,
        exported.open_charges,
        exported.payoff_amount,
        exported.next_due_date,
        loan.disbursement_date,
        booked.tenure_months if booked else None,
        booked.monthly_installment if booked else None,
        loan.terms_version,
        loan.decision_id,
        loan.loan_id,
    )


def journal_rows(entry: JournalEntry) -> Iterator[tuple[Cell, ...]]:
    """The rows of an entry: one a line."""
    for line in entry.lines:
        yield (
            entry.entry_id,
            entry.entry_date,
            entry.loan_id,
            entry.customer_id,
            entry.kind.value,
            line.account.value,
            line.debit,
            line.credit,
        )


def _rate(rate: Decimal) -> Cell:
    """A rate in per cent; below 1 with its sign, for 0.105 alone may be 10.5 % in the format of percentages."""
    return f"{rate:f} %" if 0 < rate < 1 else rate
