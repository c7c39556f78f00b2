"""Commands on what happens to a booked loan: disburse, cancel, exit, reverse, prepay."""

from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from almeno_client.cli.loan_rendering import disbursement_panel, loan_panel
from almeno_client.cli.options import (
    AsJson,
    Day,
    LoanId,
    PaymentChannel,
    Reference,
    RequestId,
    read_channel,
    read_day,
    read_rupees,
)
from almeno_client.cli.repayment_rendering import prepayment_panel, repayment_panel
from almeno_client.cli.session import ExitCode, Session, is_interactive, new_console, session_of
from almeno_client.repayment_records import (
    CancelReason,
    PrepaymentEffect,
    PrepaymentPreview,
    PrepaymentReceipt,
    RepaymentReceipt,
    ReversalReason,
)


class CancelReasonOption(StrEnum):
    """What `almeno cancel --reason` takes."""

    WITHDRAWN = "withdrawn"
    LENDER = "lender"


class ReversalReasonOption(StrEnum):
    """What `almeno reverse --reason` takes."""

    RETURNED = "returned"
    DUPLICATE = "duplicate"
    MISTAKE = "mistake"


class EffectOption(StrEnum):
    """What `almeno prepay --effect` takes."""

    SHORTER_TENURE = "shorter-tenure"
    LOWER_INSTALLMENT = "lower-installment"


def disburse(
    context: typer.Context,
    loan_id: LoanId,
    day: Day = None,
    reference: Reference = "",
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Disburse a sanctioned loan: due dates and interest count from that day. Shows what is kept back.

    Examples:
      almeno disburse 1000000001 --on 2026-02-01 --reference 'UTR 2612'
    """
    session = session_of(context, as_json)
    disbursement_date = read_day(day)
    with session.connected() as client:
        disbursed = client.disburse_loan(
            loan_id, disbursement_date=disbursement_date, external_reference=reference, request_id=request_id
        )
    if session.as_json:
        session.show_json(
            loan=disbursed.loan,
            processing_fee=disbursed.processing_fee,
            gst=disbursed.gst,
            net_disbursed=disbursed.net_disbursed,
        )
    else:
        new_console().print(disbursement_panel(disbursed), loan_panel(disbursed.loan))


def cancel(
    context: typer.Context,
    loan_id: LoanId,
    reason: Annotated[
        CancelReasonOption,
        typer.Option("--reason", help="The applicant does not take the loan up, or the lender takes it back."),
    ],
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a sanctioned loan, which frees the customer's limit.

    Examples:
      almeno cancel 1000000001 --reason withdrawn
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        loan = client.cancel_loan(loan_id, reason=CancelReason[reason.name], request_id=request_id)
    if session.as_json:
        session.show_json(loan=loan)
    else:
        new_console().print(loan_panel(loan))


def exit_loan(
    context: typer.Context, loan_id: LoanId, day: Day = None, request_id: RequestId = None, as_json: AsJson = False
) -> None:
    """Give a loan back in its cooling-off period; `almeno payoff` shows for how much.

    Examples:
      almeno exit 1000000001
    """
    session = session_of(context, as_json)
    exit_date = read_day(day)
    with session.connected() as client:
        exited = client.exit_loan(loan_id, exit_date=exit_date, request_id=request_id)
    if session.as_json:
        session.show_json(repayment=exited.repayment, loan=exited.loan, refund_due=exited.refund_due)
    else:
        new_console().print(repayment_panel(exited.repayment, exited.refund_due), loan_panel(exited.loan))


def reverse(
    context: typer.Context,
    repayment_id: Annotated[
        str, typer.Argument(metavar="REPAYMENT_ID", help="The repayment's id, as `almeno repayments` lists it.")
    ],
    reason: Annotated[
        ReversalReasonOption,
        typer.Option("--reason", help="The bank returned the debit, it was recorded twice, or by mistake."),
    ],
    day: Day = None,
    return_code: Annotated[
        str, typer.Option("--return-code", metavar="CODE", help="The bank's return code.", show_default=False)
    ] = "",
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Reverse a repayment, a prepayment or an exit: the loan stands as if it had never been.

    Examples:
      almeno reverse REPAYMENT_ID --reason returned --return-code 04
    """
    session = session_of(context, as_json)
    reversal_date = read_day(day)
    with session.connected() as client:
        receipt = client.reverse_repayment(
            repayment_id,
            reason=ReversalReason[reason.name],
            reversal_date=reversal_date,
            return_code=return_code,
            request_id=request_id,
        )
    _show_receipt(session, receipt)


def _show_receipt(session: Session, receipt: RepaymentReceipt) -> None:
    if session.as_json:
        session.show_json(repayment=receipt.repayment, loan=receipt.loan)
    else:
        new_console().print(repayment_panel(receipt.repayment), loan_panel(receipt.loan))


def prepay(
    context: typer.Context,
    loan_id: LoanId,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="What is paid: 100000, 1,00,000 or 1L.")],
    effect: Annotated[
        EffectOption, typer.Option("--effect", help="Whether fewer instalments are left, or lower ones.")
    ],
    day: Day = None,
    reference: Reference = "",
    channel: PaymentChannel = None,
    preview_only: Annotated[bool, typer.Option("--preview", help="Only show what the prepayment would do.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Book it without asking.")] = False,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Pay part of a loan early. Shows what that does, and asks before it is booked.

    Without --yes or --preview it is for a person at a terminal.

    Examples:
      almeno prepay 1000000001 1L --effect shorter-tenure --preview
      almeno prepay 1000000001 1L --effect lower-installment --yes
    """
    session = session_of(context, as_json)
    paid, payment_date, chosen = read_rupees("AMOUNT", amount), read_day(day), PrepaymentEffect[effect.name]
    if preview_only and yes:
        raise typer.BadParameter("give one of the two", param_hint="'--preview' / '--yes'")
    if not (preview_only or yes) and (session.as_json or not is_interactive()):
        raise typer.BadParameter("nobody can be asked: --yes books, --preview only shows", param_hint="'--yes'")
    with session.connected() as client:
        if not yes:
            preview = client.preview_prepayment(loan_id, amount=paid, effect=chosen, payment_date=payment_date)
            _show_preview(session, preview)
            if preview_only or not _is_to_be_booked():
                return
        receipt = client.prepay_loan(
            loan_id,
            amount=paid,
            effect=chosen,
            payment_date=payment_date,
            external_reference=reference,
            channel=read_channel(channel),
            request_id=request_id,
        )
    _show_prepayment(session, receipt)


def _show_preview(session: Session, preview: PrepaymentPreview) -> None:
    if session.as_json:
        session.show_json(prepayment=preview.prepayment, loan=preview.loan)
    else:
        new_console().print(prepayment_panel(preview.prepayment, preview.loan, is_preview=True))


def _is_to_be_booked() -> bool:
    try:
        is_wanted = typer.confirm("Book it?", err=True)
    except typer.Abort:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if is_wanted:
        return True
    new_console().print(Text("Nothing is booked.", "dim"))
    return False


def _show_prepayment(session: Session, receipt: PrepaymentReceipt) -> None:
    if session.as_json:
        session.show_json(prepayment=receipt.prepayment, loan=receipt.loan, repayment=receipt.repayment)
        return
    new_console().print(
        prepayment_panel(receipt.prepayment, receipt.loan, is_preview=False),
        repayment_panel(receipt.repayment),
        loan_panel(receipt.loan),
    )
