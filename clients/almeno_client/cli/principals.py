"""Commands on principals: principals create, principals update, principals list."""

from typing import Annotated

import typer

from almeno_client.access_records import Principal, PrincipalLimits
from almeno_client.cli.access_options import PrincipalName, Scopes
from almeno_client.cli.access_rendering import principal_panel, principals_table
from almeno_client.cli.options import AsJson, Limit, RequestId, first, page_size_for, read_rupees
from almeno_client.cli.rendering import show_list
from almeno_client.cli.session import new_console, session_of

MaxLoanAmount = Annotated[
    str | None,
    typer.Option("--max-loan-amount", metavar="RUPEES", show_default=False, help="Largest amount of a loan."),
]
MaxRepayment = Annotated[
    str | None,
    typer.Option("--max-repayment", metavar="RUPEES", show_default=False, help="Largest amount of a repayment."),
]
CallsPerSecond = Annotated[
    int | None,
    typer.Option(
        "--calls-per-second", metavar="CALLS", show_default=False, help="Calls a second, in each process of a server."
    ),
]
Burst = Annotated[
    int | None,
    typer.Option("--burst", metavar="CALLS", show_default=False, help="Calls at once beyond that rate."),
]
MaxStreams = Annotated[
    int | None,
    typer.Option(
        "--max-streams",
        metavar="STREAMS",
        show_default=False,
        help="Streams open at a time, in each process.  [default: 8]",
    ),
]
MaxPiiReads = Annotated[
    int | None,
    typer.Option(
        "--max-pii-reads-per-day", metavar="CUSTOMERS", show_default=False, help="Customers a day shown in full."
    ),
]


def create(
    context: typer.Context,
    principal: PrincipalName,
    scope: Scopes = None,
    max_loan_amount: MaxLoanAmount = None,
    max_repayment: MaxRepayment = None,
    calls_per_second: CallsPerSecond = None,
    burst: Burst = None,
    max_streams: MaxStreams = None,
    max_pii_reads_per_day: MaxPiiReads = None,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Create a principal: a branch, an application or a person who is responsible for calls.

    Examples:
      almeno principals create branch-pune --scope counter --max-loan-amount 5L
    """
    session = session_of(context, as_json)
    limits = _limits(max_loan_amount, max_repayment, calls_per_second, burst, max_streams, max_pii_reads_per_day)
    with session.connected() as client:
        created = client.create_principal(principal, scopes=scope or (), limits=limits, request_id=request_id)
    if session.as_json:
        session.show_json(principal=created)
    else:
        new_console().print(principal_panel(created))


def update(
    context: typer.Context,
    principal: PrincipalName,
    scope: Scopes = None,
    max_loan_amount: MaxLoanAmount = None,
    max_repayment: MaxRepayment = None,
    calls_per_second: CallsPerSecond = None,
    burst: Burst = None,
    max_streams: MaxStreams = None,
    max_pii_reads_per_day: MaxPiiReads = None,
    no_limits: Annotated[bool, typer.Option("--no-limits", help="Take all limits away.")] = False,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", show_default=False, help="Refuse its credentials, or not.")
    ] = None,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Change a principal: scopes, if any is given, are all its scopes from now on; limits likewise.

    Examples:
      almeno principals update branch-pune --disable
    """
    session = session_of(context, as_json)
    limits = _limits(max_loan_amount, max_repayment, calls_per_second, burst, max_streams, max_pii_reads_per_day)
    if no_limits and limits is not None:
        raise typer.BadParameter("give limits or --no-limits, not both", param_hint="'--no-limits'")
    if not scope and limits is None and not no_limits and disabled is None:
        raise typer.BadParameter("give what is to change: --scope, a limit, --disable or --enable")
    with session.connected() as client:
        updated = client.update_principal(
            principal,
            scopes=scope or (),
            limits=PrincipalLimits() if no_limits else limits,
            disabled=disabled,
            request_id=request_id,
        )
    if session.as_json:
        session.show_json(principal=updated)
    else:
        new_console().print(principal_panel(updated))


def list_principals(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the principals.

    Examples:
      almeno principals list
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        rows, more = first(client.list_principals(page_size=page_size_for(limit)), limit)
    if session.as_json:
        session.show_rows(Principal, principals=rows, more=more)
    else:
        show_list(new_console(), principals_table(rows), nothing="There are no principals.", more=more)


def _limits(
    max_loan_amount: str | None,
    max_repayment: str | None,
    calls_per_second: int | None,
    burst: int | None,
    max_streams: int | None,
    max_pii_reads_per_day: int | None,
) -> PrincipalLimits | None:
    """The limits that options give; None where none is given."""
    limits = PrincipalLimits(
        max_loan_amount=None if max_loan_amount is None else read_rupees("--max-loan-amount", max_loan_amount),
        max_repayment=None if max_repayment is None else read_rupees("--max-repayment", max_repayment),
        calls_per_second=calls_per_second,
        burst=burst,
        max_streams=max_streams,
        max_pii_reads_per_day=max_pii_reads_per_day,
    )
    return None if limits == PrincipalLimits() else limits
