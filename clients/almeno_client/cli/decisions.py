"""Commands on stored decisions: decision, decisions, replay."""

import typer

from almeno_client.cli.decision_rendering import decisions_table, replay_panel, show_stored_decision
from almeno_client.cli.options import AsJson, CustomerId, DecisionId, Limit, first, page_size_for
from almeno_client.cli.rendering import show_list
from almeno_client.cli.session import ExitCode, new_console, session_of
from almeno_client.decision_records import Decision
from almeno_client.records import DamagedDecision, ReplayOutcome


def decision(context: typer.Context, decision_id: DecisionId, as_json: AsJson = False) -> None:
    """Show a stored decision with its inputs, or the readable columns of a damaged one.

    Examples:
      almeno decision DECISION_ID
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        stored = client.get_decision(decision_id)
    if session.as_json:
        session.show_json(decision=stored)
    else:
        show_stored_decision(new_console(), stored)


def decisions(context: typer.Context, customer_id: CustomerId, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the stored decisions on a customer, the oldest first.

    Examples:
      almeno decisions 100001 --limit 0
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        rows, more = first(client.list_decisions(customer_id, page_size=page_size_for(limit)), limit)
    if session.as_json:
        session.show_rows(Decision | DamagedDecision, decisions=rows, more=more)
    else:
        show_list(new_console(), decisions_table(rows), nothing="Nothing was decided on the customer yet.", more=more)


def replay(context: typer.Context, decision_id: DecisionId, as_json: AsJson = False) -> None:
    """Take a stored decision again, by the same policy, and compare. Ends with 8 when something differs.

    Examples:
      almeno replay DECISION_ID
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        replayed = client.replay_decision(decision_id)
    if session.as_json:
        session.show_json(outcome=replayed.outcome, decision=replayed.decision, differences=replayed.differences)
    else:
        new_console().print(replay_panel(replayed))
    raise typer.Exit(ExitCode.OK if replayed.outcome is ReplayOutcome.MATCH else ExitCode.DRIFT)
