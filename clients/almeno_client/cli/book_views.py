"""Policies, simulations and the book in figures on the screen."""

from collections.abc import Iterable

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from almeno_client.cli.views import figures_table, list_table, titled
from almeno_client.figures import count, plain, rupees
from almeno_client.portfolio_records import Policy, PortfolioSummary
from almeno_client.reports.tables import FiguresTable


def policies_table(policies: Iterable[Policy]) -> Table:
    """Versions of the policy, one a row."""
    table = list_table("Version", "Decides from", "", "SHA-256")
    for policy in policies:
        table.add_row(
            Text(plain(policy.version)),
            str(policy.effective_date),
            Text("in effect", "green") if policy.in_effect else Text(),
            Text(plain(policy.sha256)),
        )
    return table


def show_policy(console: Console, policy: Policy) -> None:
    """Prints a version of the policy, and the file itself."""
    rows = [
        ("Decides from", Text(str(policy.effective_date))),
        ("Today", Text("in effect", "green") if policy.in_effect else Text("not in effect")),
        ("SHA-256", Text(plain(policy.sha256))),
    ]
    console.print(titled(f"Policy {plain(policy.version)}", figures_table(rows)))
    console.print(Text("\n".join(map(plain, policy.toml.splitlines()))), soft_wrap=True)


def portfolio_panel(summary: PortfolioSummary) -> Panel:
    """The book in a few figures."""
    return titled(
        f"The book on {summary.business_date}",
        figures_table(
            [
                ("Customers", count(summary.customers)),
                ("Loans", count(summary.loans)),
                ("Outstanding", Text(rupees(summary.outstanding_principal), "bold")),
                ("Scores under", Text(plain(f"policy {summary.policy_version}"))),
            ]
        ),
    )


def show_figures(console: Console, tables: Iterable[FiguresTable]) -> None:
    """Prints tables of figures, each under its title; those without rows are left out."""
    for figures in tables:
        if not figures.rows:
            continue
        columns = [plain(column) for column in figures.columns]
        right = [name for name, column in zip(columns, figures.columns, strict=True) if figures.is_figure(column)]
        table = list_table(*columns, right=right)
        for row in figures.rows:
            table.add_row(*(Text(plain(cell)) for cell in row))
        console.print(Text(plain(figures.title), "bold"))
        console.print(table)
