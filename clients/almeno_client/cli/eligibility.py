"""The command check.

Programs that check loan by loan wait for each start: nothing is imported here that a check does not use, and
tables where they are printed.
"""

import typer

from almeno_client.cli.options import (
    Amount,
    AsJson,
    BureauReportDate,
    BureauScore,
    CustomerId,
    OutsideObligations,
    RequestedRate,
    Tenure,
    read_outside_credit,
    read_rate,
    read_rupees,
)
from almeno_client.cli.session import ExitCode, new_console, session_of
from almeno_client.eligibility import EligibilityCalls


def check(
    context: typer.Context,
    customer_id: CustomerId,
    amount: Amount,
    rate: RequestedRate,
    tenure: Tenure,
    outside_obligations: OutsideObligations = None,
    bureau_score: BureauScore = None,
    bureau_report_date: BureauReportDate = None,
    as_json: AsJson = False,
) -> None:
    """Show how a loan request would be decided, and why. Stores nothing. Ends with 3 when it would be declined.

    Examples:
      almeno check 100001 --amount 5L --rate 10.5 --tenure 60
      almeno check 100001 --amount 5L --rate 10.5 --tenure 60 --bureau-score 720
    """
    session = session_of(context, as_json)
    loan_amount, interest_rate = read_rupees("--amount", amount), read_rate("--rate", rate)
    outside = read_outside_credit(outside_obligations, bureau_score, bureau_report_date)
    with session.connected_for(EligibilityCalls) as client:
        decision = client.check_eligibility(
            customer_id, loan_amount=loan_amount, interest_rate=interest_rate, tenure_months=tenure, outside=outside
        )
    if session.as_json:
        session.show_json(decision=decision)
    else:
        from almeno_client.cli.decision_rendering import show_decision  # noqa: PLC0415

        show_decision(new_console(), decision)
    raise typer.Exit(ExitCode.OK if decision.approved else ExitCode.DECLINED)
