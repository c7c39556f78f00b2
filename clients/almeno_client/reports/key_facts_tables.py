"""Key facts as tables."""

from almeno_client.formatting import months, per_cent, rupees
from almeno_client.key_facts_records import KeyFacts, LateChargeTerms
from almeno_client.reports.tables import TextTable


def title(facts: KeyFacts) -> str:
    """What the key facts are of."""
    subject = f"decision {facts.decision_id}" if facts.loan_id is None else f"loan {facts.loan_id}"
    return f"Key facts of {subject}"


def loan_rows(facts: KeyFacts) -> tuple[tuple[str, str], ...]:
    """What is lent, and what it costs."""
    return (
        ("Loan amount", rupees(facts.loan_amount)),
        ("Tenure", months(facts.tenure_months)),
        ("Instalment a month", rupees(facts.monthly_installment)),
        ("Interest rate a year", f"{per_cent(facts.interest_rate)}, fixed"),
        ("Processing fee", rupees(facts.processing_fee)),
        ("GST on the fee", rupees(facts.gst)),
        ("Net amount disbursed", rupees(facts.net_disbursed)),
        ("Interest in all", rupees(facts.total_interest)),
        ("To pay in all", rupees(facts.total_to_pay)),
        ("Annual percentage rate", f"{facts.apr} %"),
    )


def condition_rows(facts: KeyFacts) -> tuple[tuple[str, str], ...]:
    """What the terms say beside; nothing where the loan has none."""
    if facts.late is None:
        return ()
    return (
        ("Late payment", _late_charge(facts.late)),
        ("Cooling-off", f"{_days(facts.cooling_off_days)} from the disbursement to exit the loan"),
        ("To be disbursed until", f"{facts.valid_until}, {_days(facts.valid_days)} from the approval"),
        ("Terms", facts.terms_version),
    )


def schedule_table(facts: KeyFacts) -> TextTable:
    """The schedule."""
    rows = tuple(
        (
            str(row.number),
            str(row.due_date),
            rupees(row.amount),
            rupees(row.principal),
            rupees(row.interest),
            rupees(row.balance_after),
        )
        for row in facts.installments
    )
    columns = ("No.", "Due", "Instalment", "Principal", "Interest", "Balance after")
    return TextTable("Repayment schedule", columns, rows, text_columns=("Due",))


def _late_charge(late: LateChargeTerms) -> str:
    if not late.charge_percent_a_year:
        return "no charge"
    rate, maximum = per_cent(late.charge_percent_a_year), per_cent(late.charge_max_percent_of_installment)
    return (
        f"{rate} a year on what is unpaid, from the due date, unless all is paid within {_days(late.grace_days)} of "
        f"it; at most {maximum} of the instalment"
    )


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"
