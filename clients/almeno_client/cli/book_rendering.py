"""Rendering of policies and of the portfolio summary for the terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from almeno_client.cli.list_table import ListTable
from almeno_client.cli.rendering import key_value_table, titled_panel
from almeno_client.formatting import count, printable, rupees
from almeno_client.portfolio_records import Policy, PortfolioSummary
from almeno_client.reports.tables import TextTable


def policies_table(policies: Iterable[Policy]) -> ListTable:
    """Versions of the policy, one a row."""
    table = ListTable("Version", "Decides from", "", "SHA-256", whole=("Decides from", ""))
    for policy in policies:
        table.add_row(
            Text(printable(policy.version)),
            str(policy.effective_date),
            Text("in effect", "green") if policy.in_effect else Text(),
            Text(printable(policy.sha256)),
        )
    return table


def show_policy(console: Console, policy: Policy) -> None:
    """Prints a version of the policy, and the file itself."""
    rows = [
        ("Decides from", Text(str(policy.effective_date))),
        ("Today", Text("in effect", "green") if policy.in_effect else Text("not in effect")),
        ("SHA-256", Text(printable(policy.sha256))),
    ]
    console.print(titled_panel(f"Policy {printable(policy.version)}", key_value_table(rows)))
    console.print(Text("\n".join(map(printable, policy.toml.splitlines()))), soft_wrap=True)


def portfolio_panel(summary: PortfolioSummary) -> Panel:
    """The totals of the portfolio summary."""
    return titled_panel(
        f"The book on {summary.business_date}",
        key_value_table(
            [
                ("Customers", count(summary.customers)),
                ("Loans", count(summary.loans)),
                ("Outstanding", Text(rupees(summary.outstanding_principal), "bold")),
                ("Overdue", f"{rupees(summary.overdue_amount)} on {count(summary.late_loan_count)} loans"),
                ("Gross non-performing", _ratio(summary)),
                ("Provision", Text(printable(f"{rupees(summary.provision)} under norms {summary.norms_version}"))),
                ("Scores under", Text(printable(f"policy {summary.policy_version}"))),
            ]
        ),
    )


def _ratio(summary: PortfolioSummary) -> str:
    ratio = summary.gross_non_performing_ratio
    return "–" if ratio is None else f"{ratio} % of the principal"


def show_tables(console: Console, tables: Iterable[TextTable]) -> None:
    """Prints tables, each under its title; those without rows are left out."""
    for source in tables:
        if not source.rows:
            continue
        columns = [printable(column) for column in source.columns]
        right = [name for name, column in zip(columns, source.columns, strict=True) if source.is_numeric(column)]
        table = ListTable(*columns, right=right)
        for row in (*source.rows, *source.totals):
            table.add_row(*(Text(printable(cell)) for cell in row))
        console.print(Text(printable(source.title), "bold"))
        console.print(table)
