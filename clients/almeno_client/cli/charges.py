"""Commands on charges: charges list, charges add, waive."""

from enum import StrEnum
from typing import Annotated

import typer

from almeno_client.cli.loan_rendering import charges_table, loan_panel
from almeno_client.cli.options import AsJson, Limit, LoanId, RequestId, first, page_size_for, read_rupees
from almeno_client.cli.rendering import show_list
from almeno_client.cli.session import Session, new_console, session_of
from almeno_client.repayment_records import Charge, ChargedLoan, ChargeKind

_NOTHING = "There are no charges on the loan."

Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in at most 200 characters.")]


class ChargeKindOption(StrEnum):
    """What `almeno charges add --kind` takes."""

    BOUNCE = "bounce"
    OTHER = "other"


def list_charges(context: typer.Context, loan_id: LoanId, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the charges on a loan, paid and waived ones too, the oldest first.

    Examples:
      almeno charges list 1000000001
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        rows, more = first(client.list_charges(loan_id, page_size=page_size_for(limit)), limit)
    if session.as_json:
        session.show_rows(Charge, charges=rows, more=more)
    else:
        show_list(new_console(), charges_table(rows), nothing=_NOTHING, more=more)


def add(
    context: typer.Context,
    loan_id: LoanId,
    kind: Annotated[ChargeKindOption, typer.Option("--kind", help="A debit that the bank returned, or another kind.")],
    amount: Annotated[str, typer.Option("--amount", metavar="RUPEES", help="What is charged: 500 or ₹500.")],
    reason: Why,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Add a charge to a loan. Late charges follow from the loan's terms and are never added.

    Examples:
      almeno charges add 1000000001 --kind bounce --amount 500 --reason Returned
    """
    session = session_of(context, as_json)
    charged = read_rupees("--amount", amount)
    with session.connected() as client:
        answer = client.add_charge(
            loan_id, kind=ChargeKind[kind.name], amount=charged, reason=reason, request_id=request_id
        )
    _show(session, answer)


def waive(
    context: typer.Context,
    loan_id: LoanId,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="What is waived: 500 or ₹500.")],
    reason: Why,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Waive charges that are open on a loan, the oldest first.

    Examples:
      almeno waive 1000000001 500 --reason 'First time'
    """
    session = session_of(context, as_json)
    waived = read_rupees("AMOUNT", amount)
    with session.connected() as client:
        answer = client.waive_charges(loan_id, amount=waived, reason=reason, request_id=request_id)
    _show(session, answer)


def _show(session: Session, answer: ChargedLoan) -> None:
    if session.as_json:
        session.show_json(loan=answer.loan, charges=answer.charges)
        return
    console = new_console()
    console.print(loan_panel(answer.loan))
    show_list(console, charges_table(answer.charges), nothing=_NOTHING, more=False)
