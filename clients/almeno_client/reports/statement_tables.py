"""The statement of a loan's account in words and figures, the same for the terminal and for a page."""

from almeno_client.formatting import rupees
from almeno_client.repayment_records import ChargeKind
from almeno_client.statement_records import Statement, StatementLine, StatementLineKind

_NAMES = {
    StatementLineKind.UNSPECIFIED: "Another line",
    StatementLineKind.DISBURSEMENT: "Disbursed",
    StatementLineKind.FEE: "Processing fee",
    StatementLineKind.GST: "GST on the fee",
    StatementLineKind.INTEREST: "Interest since the last due date",
    StatementLineKind.REPAYMENT: "Repayment",
    StatementLineKind.PREPAYMENT: "Prepayment",
    StatementLineKind.WAIVER: "Charges waived",
    StatementLineKind.REVERSAL: "Payment reversed",
}
_CREDIT_NAMES = {
    StatementLineKind.FEE: "Processing fee refunded",
    StatementLineKind.GST: "GST on the fee refunded",
    StatementLineKind.INTEREST: "Interest given back",
}
_CHARGES = {
    ChargeKind.LATE_PAYMENT: "Charge for late payment",
    ChargeKind.BOUNCE: "Charge for a returned debit",
}


def title(statement: Statement) -> str:
    """What the statement is of."""
    return f"Statement of account, loan {statement.loan_id}"


def about_rows(statement: Statement) -> tuple[tuple[str, str], ...]:
    """Whose statement it is, and of which days."""
    return (("Customer", str(statement.customer_id)), ("From", str(statement.start)), ("To", str(statement.end)))


def total_rows(statement: Statement) -> tuple[tuple[str, str], ...]:
    """What was owed before, what came to it, and what is owed after; what has accrued, if anything has."""
    totals = (
        ("Opening balance", rupees(statement.opening_balance)),
        ("Debits", rupees(statement.debits)),
        ("Credits", rupees(statement.credits)),
        ("Closing balance", rupees(statement.closing_balance)),
    )
    accrued = (
        ("Interest not billed yet", statement.accrued_interest),
        ("Charges not billed yet", statement.accrued_charges),
    )
    return totals + tuple((name, rupees(amount)) for name, amount in accrued if amount)


def line_row(line: StatementLine) -> tuple[str, str, str, str, str]:
    """A line's day, what it is, its debit, its credit and the balance after it."""
    debit = "" if line.credit else rupees(line.debit)
    credit = rupees(line.credit) if line.credit else ""
    return (str(line.value_date), _name(line), debit, credit, rupees(line.balance))


def _name(line: StatementLine) -> str:
    if line.kind is StatementLineKind.INSTALLMENT_DUE:
        amount = "" if line.installment_amount is None else f" of {rupees(line.installment_amount)}"
        return f"Instalment {line.installment_number}{amount} due: interest"
    if line.kind is StatementLineKind.PAID_BEFORE:
        first = "Instalment 1" if line.installment_number == 1 else f"Instalments 1 to {line.installment_number}"
        return f"{first}, paid before this book: principal"
    if line.kind is StatementLineKind.CHARGE:
        return _CHARGES.get(line.charge_kind, "Charge")
    names = _CREDIT_NAMES if line.credit else _NAMES
    name = names.get(line.kind, _NAMES[line.kind])
    return f"{name}, {line.external_reference}" if line.external_reference else name
