"""Rendering of repayments and payoffs for the terminal."""

from collections.abc import Iterable

from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from almeno_client.cli.list_table import ListTable
from almeno_client.cli.rendering import key_value_table, titled_panel
from almeno_client.formatting import printable, rupees
from almeno_client.records import Payoff, Repayment


def repayment_panel(repayment: Repayment) -> Panel:
    """One repayment and its effect on the loan."""
    outcome = f"{repayment.emis_completed} instalments paid off wholly"
    if repayment.emis_completed == 1:
        outcome = "1 instalment paid off wholly"
    if repayment.closes_loan:
        outcome = "closed the loan"
    return titled_panel(
        f"Repayment on loan {repayment.loan_id}",
        key_value_table(
            [
                ("Amount", Text(rupees(repayment.amount), "bold")),
                ("Paid on", str(repayment.payment_date)),
                ("What it did", Text(outcome, "bold green" if repayment.closes_loan else "")),
                ("Principal left", rupees(repayment.outstanding_principal)),
                ("Repayment", Text(printable(repayment.repayment_id))),
            ]
        ),
    )


def repayments_table(repayments: Iterable[Repayment]) -> ListTable:
    """Many repayments of one loan, one a row."""
    table = ListTable(
        "Paid on", "Amount", "Instalments", "Principal left", "Repayment",
        right=("Amount", "Instalments", "Principal left"), whole=("Paid on", "Repayment"), spare=("Instalments",),
    )  # fmt: skip
    for repayment in repayments:
        table.add_row(
            str(repayment.payment_date),
            rupees(repayment.amount),
            Text("closes", "green") if repayment.closes_loan else str(repayment.emis_completed),
            rupees(repayment.outstanding_principal),
            Text(printable(repayment.repayment_id)),
        )
    return table


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
    total = Text.assemble(
        (rupees(payoff.amount), "bold"), f" closes loan {loan_id} on {payoff.payoff_date}, if nothing is paid before."
    )
    return titled_panel("Payoff", total, Rule(style="dim"), parts)
