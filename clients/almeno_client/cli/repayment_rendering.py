"""Rendering of repayments, prepayments and payoffs for the terminal."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from almeno_client.cli.list_table import ListTable
from almeno_client.cli.rendering import key_value_table, titled_panel
from almeno_client.formatting import humanized, printable, rupees
from almeno_client.records import Loan
from almeno_client.repayment_records import (
    Payoff,
    Prepayment,
    PrepaymentEffect,
    Repayment,
    RepaymentChannel,
    RepaymentKind,
    Reversal,
)

_EFFECTS = {
    PrepaymentEffect.SHORTER_TENURE: "prepayment, fewer instalments",
    PrepaymentEffect.LOWER_INSTALLMENT: "prepayment, lower instalments",
}
_CHANNELS = {RepaymentChannel.NACH: "NACH", RepaymentChannel.UPI: "UPI"}


def repayment_panel(repayment: Repayment, refund_due: Decimal | None = None) -> Panel:
    """One repayment and its effect on the loan, and what the lender owes then."""
    is_reversed = repayment.reversal is not None
    style = "strike" if is_reversed else "bold green" if repayment.closes_loan else ""
    return titled_panel(
        f"Repayment on loan {repayment.loan_id}",
        key_value_table(
            [
                ("Amount", Text(rupees(repayment.amount), "bold")),
                ("Paid on", str(repayment.payment_date)),
                ("What it did", Text(_outcome(repayment), style)),
                *_further_facts(repayment),
                *([("Due to the borrower", Text(rupees(refund_due), "bold"))] if refund_due is not None else []),
                ("Principal left", rupees(repayment.outstanding_principal)),
                ("Repayment", Text(printable(repayment.repayment_id))),
            ]
        ),
    )


def _outcome(repayment: Repayment) -> str:
    if repayment.kind is RepaymentKind.EXIT:
        return "gave the loan back"
    if repayment.closes_loan:
        return "closed the loan"
    if repayment.kind is RepaymentKind.PREPAYMENT:
        return _EFFECTS.get(repayment.effect, "prepayment")
    if repayment.emis_completed == 1:
        return "1 instalment paid off wholly"
    return f"{repayment.emis_completed} instalments paid off wholly"


def _further_facts(repayment: Repayment) -> Iterator[tuple[str, str | Text]]:
    """What only some repayments have."""
    if repayment.charges_paid:
        yield "To charges", rupees(repayment.charges_paid)
    if repayment.channel is not RepaymentChannel.UNSPECIFIED:
        yield "Came in by", _channel(repayment.channel)
    if repayment.external_reference:
        yield "Reference", Text(printable(repayment.external_reference))
    if repayment.reversal is not None:
        yield "Reversed", Text(_reversal(repayment.reversal), "bold red")


def _channel(channel: RepaymentChannel) -> str:
    return _CHANNELS.get(channel, humanized(channel))


def _reversal(reversal: Reversal) -> str:
    code = f", code {printable(reversal.return_code)}" if reversal.return_code else ""
    return f"on {reversal.reversal_date}: {humanized(reversal.reason)}{code}"


def repayments_table(repayments: Iterable[Repayment]) -> ListTable:
    """Many repayments of one loan, one a row. That one is reversed or a prepayment stands in no column to spare."""
    table = ListTable(
        "Paid on", "Amount", "Instalments", "Principal left", "What", "Reference", "Repayment",
        right=("Amount", "Instalments", "Principal left"), whole=("Paid on", "Repayment"),
        spare=("Reference", "Instalments", "Principal left"),
    )  # fmt: skip
    for repayment in repayments:
        table.add_row(
            str(repayment.payment_date),
            Text(rupees(repayment.amount), "" if repayment.reversal is None else "strike"),
            Text("closes", "green") if repayment.closes_loan else str(repayment.emis_completed),
            rupees(repayment.outstanding_principal),
            _kind(repayment),
            Text(printable(repayment.external_reference)),
            Text(printable(repayment.repayment_id)),
        )
    return table


def _kind(repayment: Repayment) -> Text:
    """What a repayment is, if it is no ordinary one, how it came in, and that it was reversed."""
    is_ordinary = repayment.kind in {RepaymentKind.REPAYMENT, RepaymentKind.UNSPECIFIED}
    words = [] if is_ordinary else [_EFFECTS.get(repayment.effect, humanized(repayment.kind))]
    if repayment.channel is not RepaymentChannel.UNSPECIFIED:
        words.append(_channel(repayment.channel))
    if repayment.reversal is not None:
        reason = humanized(repayment.reversal.reason)
        return Text(", ".join([*words, f"reversed on {repayment.reversal.reversal_date}: {reason}"]), "red")
    return Text(", ".join(words))


def prepayment_panel(prepayment: Prepayment, loan: Loan, *, is_preview: bool) -> Panel:
    """What a prepayment does, or would do, and the loan after it."""
    title = f"Prepayment of loan {loan.loan_id}"
    return titled_panel(
        f"{title}, a preview" if is_preview else title,
        key_value_table(
            [
                ("Off the principal", Text(rupees(prepayment.principal), "bold")),
                ("Interest of that", f"{rupees(prepayment.accrued_interest)} since the last due date"),
                ("Principal left", rupees(loan.outstanding_principal)),
                ("Instalments left", f"{prepayment.installments_left}, until {loan.end_date}"),
                ("EMI from now on", Text(rupees(prepayment.monthly_installment), "bold")),
                ("Last instalment", rupees(prepayment.last_installment)),
                ("Interest left", rupees(prepayment.interest_left)),
            ]
        ),
    )


def payoff_panel(loan_id: int, payoff: Payoff) -> Panel:
    """The payoff of a loan on a day, and its parts."""
    parts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    parts.add_column(style="dim", no_wrap=True)
    parts.add_column(justify="right", no_wrap=True)
    parts.add_row("Instalments due, not yet paid", rupees(payoff.overdue_amount))
    parts.add_row("Principal of the later ones", rupees(payoff.principal))
    parts.add_row("Interest since the last due date", rupees(payoff.accrued_interest))
    if payoff.advance:
        parts.add_row("Paid in advance", rupees(-payoff.advance))
    if payoff.charges:
        parts.add_row("Charges", rupees(payoff.charges))
    total = Text.assemble(
        (rupees(payoff.amount), "bold"), f" closes loan {loan_id} on {payoff.payoff_date}, if nothing is paid before."
    )
    exit_amount = (
        []
        if payoff.exit_amount is None
        else [Text.assemble((rupees(payoff.exit_amount), "bold"), " gives it back, in its cooling-off period.")]
    )
    if payoff.exit_refund is not None:
        exit_amount.append(
            Text.assemble((rupees(payoff.exit_refund), "bold"), " is due to the borrower who gives it back.")
        )
    return titled_panel("Payoff", total, *exit_amount, Rule(style="dim"), parts)
