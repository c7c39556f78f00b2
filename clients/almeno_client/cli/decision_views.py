"""A decision on the screen: the outcome, the terms, the score with its parts, and why."""

from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from almeno_client.cli.figures import REASONS, months, per_cent, plain, rupees, words
from almeno_client.cli.views import figures_table, list_table, position_panel, titled
from almeno_client.records import Decision, DecisionReason

_BAR_CELLS = 20
_FIGURE_NAMES = {
    "on_time_payments": "Instalments paid on time",
    "past_loans": "Loans taken before",
    "current_year_activity": "Loans this year",
    "approved_volume": "Volume against the limit",
}


def show_decision(console: Console, decision: Decision) -> None:
    """Prints a decision so that a person sees why it came out as it did."""
    console.print(_outcome(decision))
    console.print(_score(decision))
    console.print(position_panel(decision.position))


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
        ("Decided", Text(plain(f"{decision.business_date} under policy {decision.policy_version}"))),
    ]
    if decision.decision_id:
        rows.append(("Decision", Text(plain(decision.decision_id))))
    parts: list[Text | Rule | Table] = [Text(plain(decision.message)), Rule(style="dim"), figures_table(rows)]
    if decision.reasons:
        parts.append(Rule(style="dim"))
        parts += [Text.assemble(("• ", "red"), REASONS[reason]) for reason in decision.reasons]
    if decision.counter_offer is not None:
        parts += [
            Rule(style="dim"),
            Text.assemble(
                "Possible instead: up to ",
                (rupees(decision.counter_offer), "bold green"),
                f" over {months(decision.tenure_months)}.",
            ),
        ]
    panel = titled("Approved" if approved else "Declined", *parts)
    panel.border_style = "green" if approved else "red"
    return panel


def _score(decision: Decision) -> Panel:
    table = list_table("Part of the score", "Points", "", "Observed", right=("Points",))
    for part in decision.score_components:
        table.add_row(
            Text(_FIGURE_NAMES.get(part.name, plain(words(part.name)))),
            f"{part.points:.1f} / {part.max_points}",
            _bar(part.points, part.max_points),
            Text(plain(part.observed)),
        )
    style = "green" if decision.approved else "red"
    total = Text.assemble((str(decision.credit_score), f"bold {style}"), " of 100")
    if DecisionReason.DEBT_EXCEEDS_LIMIT in decision.reasons:
        total.append(": whoever owes more than the approved limit has no score, whatever the parts", "red")
    return titled("Credit score", total, table)


def _bar(points: float, max_points: int) -> Text:
    """A bar of as many cells as there are points in proportion; part of a point never looks like none."""
    share = min(max(points / max_points, 0.0), 1.0) if max_points else 0.0
    filled = round(share * _BAR_CELLS) or (1 if share else 0)
    style = "green" if share >= 0.66 else "yellow" if share >= 0.33 else "red"
    return Text.assemble(("█" * filled, style), ("░" * (_BAR_CELLS - filled), "dim"))
