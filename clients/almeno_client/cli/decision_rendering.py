"""Rendering of decisions and replays for the terminal: outcome, terms, score with its components, gates."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from almeno_client.cli.instants import local_time
from almeno_client.cli.list_table import ListTable
from almeno_client.cli.rendering import key_value_table, position_panel, titled_panel
from almeno_client.decision_records import Decision, DecisionGate, DecisionReason, OutsideCredit
from almeno_client.formatting import REASON_NAMES, REASON_SENTENCES, humanized, months, per_cent, printable, rupees
from almeno_client.records import DamagedDecision, Replay, ReplayOutcome

_BAR_CELLS = 20
_COMPONENT_NAMES = {
    "on_time_payments": "Instalments paid on time",
    "past_loans": "Loans taken before",
    "current_year_activity": "Loans this year",
    "approved_volume": "Volume against the limit",
}


def show_stored_decision(console: Console, decision: Decision | DamagedDecision) -> None:
    """Prints a stored decision, or the readable columns of a damaged one."""
    if isinstance(decision, Decision):
        show_decision(console, decision)
        return
    rows = [
        ("Decision", Text(printable(decision.decision_id))),
        ("Customer", Text(str(decision.customer_id))),
        ("Outcome", _outcome_in_words(decision)),
        ("Score", Text(str(decision.credit_score))),
        ("Policy", Text(printable(decision.policy_version))),
        ("Policy's SHA-256", Text(printable(decision.policy_sha256))),
    ]
    panel = titled_panel("Damaged", Text(printable(decision.message)), Rule(style="dim"), key_value_table(rows))
    panel.border_style = "red"
    console.print(panel)


def show_decision(console: Console, decision: Decision) -> None:
    """Prints a decision so that a person sees why it came out as it did."""
    console.print(_outcome(decision))
    console.print(_score(decision))
    if decision.gates:
        console.print(_gates(decision.gates))
    console.print(position_panel(decision.position))


def decisions_table(decisions: Iterable[Decision | DamagedDecision]) -> ListTable:
    """Many stored decisions on one customer, one a row."""
    table = ListTable(
        "Decision", "Of", "Amount", "Rate", "Score", "Outcome",
        right=("Amount", "Rate", "Score"), whole=("Decision", "Of"), spare=("Score", "Rate"),
    )  # fmt: skip
    for decision in decisions:
        terms = ["damaged", "", ""]
        if isinstance(decision, Decision):
            terms = [
                str(decision.business_date),
                rupees(decision.loan_amount),
                per_cent(decision.corrected_interest_rate),
            ]
        table.add_row(
            Text(printable(decision.decision_id)), *terms, str(decision.credit_score), _outcome_in_words(decision)
        )
    return table


def _outcome_in_words(decision: Decision | DamagedDecision) -> Text:
    if decision.approved:
        return Text("approved", "green")
    return Text(", ".join(REASON_NAMES[reason].lower() for reason in decision.reasons) or "declined", "red")


def replay_panel(replay: Replay) -> Panel:
    """Whether taking a decision again gives what is stored, and what differs."""
    if replay.outcome is ReplayOutcome.MATCH:
        panel = titled_panel("Match", Text("Taken again by the same policy, the decision comes out as it is stored."))
        panel.border_style = "green"
        return panel
    table = ListTable("What", "Stored", "Taken again")
    for difference in replay.differences:
        table.add_row(
            Text(printable(difference.field)),
            Text(printable(difference.stored) or "–", "red"),
            Text(printable(difference.replayed) or "–"),
        )
    panel = titled_panel("Drift", Text("What is stored of the decision, or its policy, is not what it was."), table)
    panel.border_style = "red"
    return panel


def _outcome(decision: Decision) -> Panel:
    approved = decision.approved
    rate = Text(f"{per_cent(decision.interest_rate)} asked", "dim")
    if decision.corrected_interest_rate == decision.interest_rate:
        rate = Text.assemble((per_cent(decision.interest_rate), "bold"), (", as asked", "dim"))
    else:
        rate = Text.assemble((per_cent(decision.corrected_interest_rate), "bold yellow"), ", corrected from ", rate)
    rows = [
        ("Customer", Text(str(decision.customer_id))),
        ("Amount", Text(rupees(decision.loan_amount), "bold")),
        ("Rate a year", rate),
        ("Tenure", Text(months(decision.tenure_months))),
        ("EMI", Text(rupees(decision.monthly_installment), "bold")),
        ("Decided", Text(printable(f"{decision.business_date} under policy {decision.policy_version}"))),
    ]
    if decision.outside is not None:
        rows += _outside_credit(decision.outside)
    if decision.decision_id:
        rows += _stored_facts(decision)
    parts: list[Text | Rule | Table] = [Text(printable(decision.message)), Rule(style="dim"), key_value_table(rows)]
    if decision.reasons:
        parts.append(Rule(style="dim"))
        parts += [Text.assemble(("• ", "red"), REASON_SENTENCES[reason]) for reason in decision.reasons]
    if decision.counter_offer is not None:
        parts += [
            Rule(style="dim"),
            Text.assemble(
                "Possible instead: up to ",
                (rupees(decision.counter_offer), "bold green"),
                f" over {months(decision.tenure_months)}.",
            ),
        ]
    panel = titled_panel("Approved" if approved else "Declined", *parts)
    panel.border_style = "green" if approved else "red"
    return panel


def _stored_facts(decision: Decision) -> Iterator[tuple[str, Text]]:
    """What only a stored decision says, as far as it says it."""
    yield "Decision", Text(printable(decision.decision_id))
    if decision.create_time is not None:
        yield "Stored", Text(local_time(decision.create_time))
    if decision.policy_sha256:
        yield "Policy's SHA-256", Text(printable(decision.policy_sha256))
    if decision.monthly_income is not None:
        yield "Income a month", Text(rupees(decision.monthly_income))
    if decision.approved_limit is not None:
        yield "Approved limit", Text(rupees(decision.approved_limit))
    if decision.max_interest_rate is not None:
        yield "Highest rate taken", Text(per_cent(decision.max_interest_rate))


def _outside_credit(outside: OutsideCredit) -> Iterator[tuple[str, Text]]:
    """What the request stated of credit with other lenders."""
    yield "Owed elsewhere", Text(f"{rupees(Decimal(outside.monthly_obligations))} a month")
    if outside.bureau_score is not None:
        yield "Bureau score", Text(str(outside.bureau_score))
    if outside.report_date is not None:
        yield "Bureau report of", Text(str(outside.report_date))


def _gates(gates: Iterable[DecisionGate]) -> Panel:
    """Each rule that the loan had to pass, with what was compared."""
    table = ListTable("", "Rule", "Observed", "Allowed", whole=("",))
    for gate in gates:
        table.add_row(
            Text("passed", "green") if gate.passed else Text("failed", "bold red"),
            Text(REASON_NAMES[gate.reason]),
            Text(printable(gate.observed)),
            Text(printable(gate.allowed)),
        )
    return titled_panel("What would decline the loan", table)


def _score(decision: Decision) -> Panel:
    table = ListTable("Part of the score", "Points", "", "Observed", right=("Points",), whole=("",), spare=("",))
    for part in decision.score_components:
        table.add_row(
            Text(_COMPONENT_NAMES.get(part.name, printable(humanized(part.name)))),
            f"{part.points:.1f} / {part.max_points}",
            _bar(part.points, part.max_points),
            Text(printable(part.observed)),
        )
    style = "green" if decision.approved else "red"
    total = Text.assemble((str(decision.credit_score), f"bold {style}"), " of 100")
    if DecisionReason.DEBT_EXCEEDS_LIMIT in decision.reasons:
        total.append(": whoever owes more than the approved limit has no score, whatever the parts", "red")
    return titled_panel("Credit score", total, table)


def _bar(points: float, max_points: int) -> Text:
    """A bar of as many cells as there are points in proportion; part of a point never looks like none."""
    share = min(max(points / max_points, 0.0), 1.0) if max_points else 0.0
    filled = round(share * _BAR_CELLS) or (1 if share else 0)
    style = "green" if share >= 0.66 else "yellow" if share >= 0.33 else "red"
    return Text.assemble(("█" * filled, style), ("░" * (_BAR_CELLS - filled), "dim"))
