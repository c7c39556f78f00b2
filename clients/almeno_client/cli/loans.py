"""Commands on loans: apply, loan, schedule, loans. Tables are imported where they are printed."""

from enum import StrEnum
from typing import Annotated

import typer

from almeno_client.cli.options import (
    Amount,
    AsJson,
    BureauReportDate,
    BureauScore,
    CustomerId,
    Limit,
    LoanId,
    OutsideObligations,
    RequestedRate,
    RequestId,
    Tenure,
    first,
    page_size_for,
    read_outside_credit,
    read_rate,
    read_rupees,
)
from almeno_client.cli.session import ExitCode, new_console, session_of
from almeno_client.records import Installment, Loan, LoanState


class StateFilter(StrEnum):
    """What `almeno loans --state` takes."""

    SANCTIONED = "sanctioned"
    ACTIVE = "active"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    EXITED = "exited"


def apply(
    context: typer.Context,
    customer_id: CustomerId,
    amount: Amount,
    rate: RequestedRate,
    tenure: Tenure,
    max_rate: Annotated[
        str | None,
        typer.Option(
            "--max-rate", metavar="PERCENT", help="Decline if the corrected rate is above this one.", show_default=False
        ),
    ] = None,
    outside_obligations: OutsideObligations = None,
    bureau_score: BureauScore = None,
    bureau_report_date: BureauReportDate = None,
    disburse_later: Annotated[
        bool,
        typer.Option("--disburse-later", help="Sanction the loan only; `almeno disburse` disburses it."),
    ] = False,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Decide a loan request and book the loan if it is approved. Ends with 3 when it is declined.

    Examples:
      almeno apply 100001 --amount 5L --rate 10.5 --tenure 60 --max-rate 12
      almeno apply 100001 --amount 50k --rate 12 --tenure 6 --disburse-later
    """
    session = session_of(context, as_json)
    loan_amount, interest_rate = read_rupees("--amount", amount), read_rate("--rate", rate)
    outside = read_outside_credit(outside_obligations, bureau_score, bureau_report_date)
    max_interest_rate = None if max_rate is None else read_rate("--max-rate", max_rate)
    with session.connected() as client:
        application = client.create_loan(
            customer_id,
            loan_amount=loan_amount,
            interest_rate=interest_rate,
            tenure_months=tenure,
            max_interest_rate=max_interest_rate,
            outside=outside,
            disburse_later=disburse_later,
            request_id=request_id,
        )
    if session.as_json:
        session.show_json(decision=application.decision, loan=application.loan)
    else:
        from almeno_client.cli.decision_rendering import show_decision  # noqa: PLC0415
        from almeno_client.cli.loan_rendering import loan_panel  # noqa: PLC0415

        console = new_console()
        show_decision(console, application.decision)
        if application.loan:
            console.print(loan_panel(application.loan))
    raise typer.Exit(ExitCode.OK if application.loan else ExitCode.DECLINED)


def loan(
    context: typer.Context,
    loan_id: LoanId,
    with_schedule: Annotated[bool, typer.Option("--schedule", help="Show every instalment too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a loan and the customer who owes it.

    Examples:
      almeno loan 1000000001
      almeno loan 1000000001 --schedule
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        account = client.get_loan(loan_id)
        installments = client.get_repayment_schedule(loan_id) if with_schedule else ()
    if session.as_json:
        rest = {"installments": installments} if with_schedule else {}
        session.show_json(loan=account.loan, customer=account.customer, **rest)
        return
    from almeno_client.cli.loan_rendering import loan_panel, schedule_table  # noqa: PLC0415
    from almeno_client.cli.rendering import customer_panel  # noqa: PLC0415

    console = new_console()
    console.print(loan_panel(account.loan), customer_panel(account.customer))
    if with_schedule:
        console.print(schedule_table(installments))


def schedule(context: typer.Context, loan_id: LoanId, as_json: AsJson = False) -> None:
    """Show every instalment of a loan, paid and to come.

    Examples:
      almeno schedule 1000000001
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        installments = client.get_repayment_schedule(loan_id)
    if session.as_json:
        session.show_rows(Installment, installments=installments)
    else:
        from almeno_client.cli.loan_rendering import schedule_table  # noqa: PLC0415

        new_console().print(schedule_table(installments))


def loans(
    context: typer.Context,
    customer_id: CustomerId,
    state: Annotated[
        StateFilter | None, typer.Option("--state", help="Only loans of this state.", show_default=False)
    ] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List a customer's loans.

    Examples:
      almeno loans 100001
      almeno loans 100001 --state active
    """
    session = session_of(context, as_json)
    loan_state = LoanState[state.name] if state else LoanState.UNSPECIFIED
    with session.connected() as client:
        rows, more = first(client.list_loans(customer_id, state=loan_state, page_size=page_size_for(limit)), limit)
    if session.as_json:
        session.show_rows(Loan, loans=rows, more=more)
    else:
        from almeno_client.cli.loan_rendering import loans_table  # noqa: PLC0415
        from almeno_client.cli.rendering import show_list  # noqa: PLC0415

        show_list(new_console(), loans_table(rows), nothing="The customer has no such loans.", more=more)
