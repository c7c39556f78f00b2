"""Commands on repayments: repay, repayments, payoff."""

from typing import Annotated

import typer

from almeno_client.cli.loan_rendering import loan_panel
from almeno_client.cli.options import (
    AsJson,
    Day,
    Limit,
    LoanId,
    PaymentChannel,
    Reference,
    RequestId,
    first,
    page_size_for,
    read_channel,
    read_day,
    read_rupees,
)
from almeno_client.cli.rendering import show_list
from almeno_client.cli.repayment_rendering import payoff_panel, repayment_panel, repayments_table
from almeno_client.cli.session import new_console, session_of
from almeno_client.repayment_records import Repayment


def repay(
    context: typer.Context,
    loan_id: LoanId,
    amount: Annotated[
        str, typer.Option("--amount", metavar="RUPEES", help="What was paid: 10746.95, 10,746.95 or ₹10,746.95.")
    ],
    paid_on: Day = None,
    reference: Reference = "",
    channel: PaymentChannel = None,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Record a payment on a loan: the oldest unpaid instalment first. Exactly the payoff of the day closes the loan.

    Examples:
      almeno repay 1000000001 --amount 10,746.95
      almeno repay 1000000001 --amount 10,746.95 --on 2026-03-05 --channel nach
    """
    session = session_of(context, as_json)
    paid = read_rupees("--amount", amount)
    payment_date = read_day(paid_on)
    with session.connected() as client:
        receipt = client.record_repayment(
            loan_id,
            amount=paid,
            payment_date=payment_date,
            external_reference=reference,
            channel=read_channel(channel),
            request_id=request_id,
        )
    if session.as_json:
        session.show_json(repayment=receipt.repayment, loan=receipt.loan)
    else:
        new_console().print(repayment_panel(receipt.repayment), loan_panel(receipt.loan))


def repayments(context: typer.Context, loan_id: LoanId, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List what was paid on a loan, in the order it was recorded.

    Examples:
      almeno repayments 1000000001
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        rows, more = first(client.list_repayments(loan_id, page_size=page_size_for(limit)), limit)
    if session.as_json:
        session.show_rows(Repayment, repayments=rows, more=more)
    else:
        show_list(new_console(), repayments_table(rows), nothing="Nothing was paid on the loan here yet.", more=more)


def payoff(
    context: typer.Context,
    loan_id: LoanId,
    closed_on: Day = None,
    as_json: AsJson = False,
) -> None:
    """Show what closes a loan on a day, which may be to come; and what gives it back, as long as that is possible.

    Examples:
      almeno payoff 1000000001
      almeno payoff 1000000001 --on 2026-03-31
    """
    session = session_of(context, as_json)
    payoff_date = read_day(closed_on)
    with session.connected() as client:
        due = client.get_payoff(loan_id, payoff_date=payoff_date)
    if session.as_json:
        session.show_json(payoff=due)
    else:
        new_console().print(payoff_panel(loan_id, due))
