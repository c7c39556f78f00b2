"""Rendering of loans, schedules, disbursements and charges for the terminal."""

from collections.abc import Iterable, Iterator

from rich.panel import Panel
from rich.text import Text

from almeno_client.cli.list_table import ListTable
from almeno_client.cli.rendering import key_value_table, titled_panel
from almeno_client.decision_records import AssetClass
from almeno_client.formatting import asset_class_in_words, humanized, months, per_cent, printable, rupees
from almeno_client.records import BookedTerms, Installment, InstallmentMethod, InstallmentState, Loan, LoanState
from almeno_client.repayment_records import Charge, ChargeKind, Disbursement

_METHODS = {
    InstallmentMethod.REDUCING_BALANCE: "equal instalments on the reducing balance",
    InstallmentMethod.ANNUAL_COMPOUND: "compounded yearly, spread evenly (imported book)",
}
_INSTALLMENT_STYLES = {
    InstallmentState.PAID: "green",
    InstallmentState.PAID_LATE: "yellow",
    InstallmentState.DUE: "bold",
    InstallmentState.OVERDUE: "bold red",
}
# Loans of these states are wholly or partly repaid; of the others there is nothing to be late with.
_REPAID_STATES = {LoanState.ACTIVE, LoanState.CLOSED}
_CLASSES_IN_ORDER = {AssetClass.STANDARD, AssetClass.UNSPECIFIED}


def loan_panel(loan: Loan) -> Panel:
    """One loan in full."""
    return titled_panel(
        f"Loan {loan.loan_id}",
        key_value_table(
            [
                ("Customer", str(loan.customer_id)),
                ("State", Text.assemble(humanized(loan.state), *_state_details(loan))),
                ("Amount", Text(rupees(loan.loan_amount), "bold")),
                ("Rate a year", per_cent(loan.interest_rate)),
                ("Tenure", _tenure(loan)),
                ("EMI", Text(rupees(loan.monthly_installment), "bold")),
                ("Computed as", _METHODS.get(loan.installment_method, humanized(loan.installment_method))),
                ("Paid", f"{loan.emis_paid} instalments, {loan.emis_paid_on_time} of them on time"),
                ("Left", f"{loan.repayments_left} instalments, {rupees(loan.outstanding_principal)} of the principal"),
                *_further_facts(loan),
            ]
        ),
    )


def _state_details(loan: Loan) -> Iterator[str | Text]:
    """What belongs to the state: until when a loan may be disbursed, how late it is."""
    if loan.state is LoanState.SANCTIONED:
        yield f", to be disbursed until {loan.valid_until}"
    if loan.state not in _REPAID_STATES:
        return
    yield ", "
    yield Text(f"{_days(loan)} past due", "bold red") if loan.days_past_due else "not past due"


def _days(loan: Loan) -> str:
    return f"{loan.days_past_due} {'day' if loan.days_past_due == 1 else 'days'}"


def _tenure(loan: Loan) -> str:
    if loan.valid_until is None or loan.disbursement_date is not None:
        return f"{months(loan.tenure_months)}, {loan.disbursement_date or loan.approval_date} to {loan.end_date}"
    return f"{months(loan.tenure_months)} from the disbursement"


def _further_facts(loan: Loan) -> Iterator[tuple[str, str | Text]]:
    """What only some loans have."""
    if loan.valid_until is not None:
        disbursed = f", disbursed on {loan.disbursement_date}" if loan.disbursement_date else ""
        yield "Approved", f"{loan.approval_date}{disbursed}"
    if loan.booked_terms is not None and _differs(loan, loan.booked_terms):
        booked = loan.booked_terms
        yield "As booked", f"{months(booked.tenure_months)} of {rupees(booked.monthly_installment)}"
    if loan.state is LoanState.ACTIVE and loan.asset_class is not AssetClass.UNSPECIFIED:
        since = f" since {loan.non_performing_since}" if loan.non_performing_since else ""
        style = "" if loan.asset_class in _CLASSES_IN_ORDER else "bold red"
        yield "Asset class", Text(f"{asset_class_in_words(loan.asset_class)}{since}", style)
    if loan.paid_toward_next:
        yield "Toward the next", f"{rupees(loan.paid_toward_next)} paid"
    if loan.terms_version:
        yield "Terms", Text(printable(loan.terms_version))
    if loan.decision_id:
        yield "Decision", Text(printable(loan.decision_id))
    elif loan.source_loan_id is not None:
        yield "In the sheet", f"Loan ID {loan.source_loan_id}"


def _differs(loan: Loan, booked: BookedTerms) -> bool:
    return (loan.tenure_months, loan.monthly_installment) != (booked.tenure_months, booked.monthly_installment)


def loans_table(loans: Iterable[Loan]) -> ListTable:
    """Many loans of one customer, one a row."""
    table = ListTable(
        "Loan", "Amount", "Rate", "EMI", "Paid", "Outstanding", "State",
        right=("Loan", "Amount", "Rate", "EMI", "Paid", "Outstanding"), spare=("Paid", "Rate"),
    )  # fmt: skip
    for loan in loans:
        table.add_row(
            str(loan.loan_id),
            rupees(loan.loan_amount),
            per_cent(loan.interest_rate),
            rupees(loan.monthly_installment),
            f"{loan.emis_paid}/{loan.tenure_months}",
            rupees(loan.outstanding_principal),
            _state_in_short(loan),
        )
    return table


def _state_in_short(loan: Loan) -> Text:
    """The state of a loan, or how late it is, with an asset class that is not standard."""
    state = f"{_days(loan)} late" if loan.days_past_due else humanized(loan.state)
    if loan.state is LoanState.ACTIVE and loan.asset_class not in _CLASSES_IN_ORDER:
        return Text(f"{state}, {asset_class_in_words(loan.asset_class)}", "red")
    return Text(state, "red" if loan.days_past_due else "")


def schedule_table(installments: Iterable[Installment]) -> ListTable:
    """A repayment schedule, one instalment a row."""
    table = ListTable(
        "No.", "Due", "Instalment", "Principal", "Interest", "Balance after", "State",
        right=("No.", "Instalment", "Principal", "Interest", "Balance after"), whole=("Due",),
    )  # fmt: skip
    for row in installments:
        state = Text(humanized(row.state), _INSTALLMENT_STYLES.get(row.state, "dim"))
        if 0 < row.paid_amount < row.amount:
            state.append(f" ({rupees(row.paid_amount)} paid)", "yellow")
        table.add_row(
            str(row.number),
            str(row.due_date),
            rupees(row.amount),
            rupees(row.principal),
            rupees(row.interest),
            rupees(row.balance_after),
            state,
        )
    return table


def disbursement_panel(disbursement: Disbursement) -> Panel:
    """What was kept back at a disbursement, and what the borrower gets."""
    loan = disbursement.loan
    return titled_panel(
        f"Disbursement of loan {loan.loan_id}",
        key_value_table(
            [
                ("Loan amount", rupees(loan.loan_amount)),
                ("Processing fee", rupees(disbursement.processing_fee)),
                ("GST on the fee", rupees(disbursement.gst)),
                ("Net disbursed", Text(rupees(disbursement.net_disbursed), "bold")),
                ("Disbursed on", str(loan.disbursement_date)),
            ]
        ),
    )


def charges_table(charges: Iterable[Charge]) -> ListTable:
    """Charges on one loan, one a row."""
    table = ListTable(
        "From", "For", "Amount", "Paid", "Waived", "Open",
        right=("Amount", "Paid", "Waived", "Open"), whole=("From",), spare=("Waived", "Paid"),
    )  # fmt: skip
    for charge in charges:
        table.add_row(
            str(charge.charge_date),
            Text(_purpose(charge)),
            rupees(charge.amount),
            rupees(charge.paid),
            rupees(charge.waived),
            Text(rupees(charge.open), "bold red" if charge.open else "green"),
        )
    return table


def _purpose(charge: Charge) -> str:
    if charge.kind is ChargeKind.LATE_PAYMENT:
        return f"late payment of instalment {charge.installment_number}"
    if charge.reason:
        return f"{humanized(charge.kind)}: {printable(charge.reason)}"
    return humanized(charge.kind)
