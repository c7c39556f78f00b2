"""The command on the portfolio summary: report."""

from pathlib import Path

import typer
from rich.text import Text

from almeno_client.cli.book_rendering import portfolio_panel, show_tables
from almeno_client.cli.options import AsJson, Page
from almeno_client.cli.page_files import page_file
from almeno_client.cli.progress import with_progress
from almeno_client.cli.session import new_console, session_of
from almeno_client.files import write_page
from almeno_client.formatting import printable
from almeno_client.portfolio_records import PortfolioSummary
from almeno_client.reports import portfolio_tables

_PAGE = "almeno-report.html"
_SCORES_A_ROW = 10


def report(context: typer.Context, html: Page = None, as_json: AsJson = False) -> None:
    """Show aggregates of the whole book, and write a page with plots.

    The page goes to almeno-report.html unless --html says otherwise; with --json only --html writes one.
    """
    session = session_of(context, as_json)
    file = page_file(html, _PAGE, as_json=session.as_json)
    with session.connected() as client:
        (summary,) = with_progress(session, "adding up", client.summarize_portfolio())
        if file is not None:
            _write_page(summary, file)
    if session.as_json:
        session.show_json(summary=summary)
        return
    console = new_console()
    console.print(portfolio_panel(summary))
    tables = (
        portfolio_tables.loans_table(summary),
        portfolio_tables.vintages_table(summary),
        portfolio_tables.scores_table(summary, _SCORES_A_ROW),
        portfolio_tables.burden_table(summary),
        portfolio_tables.decisions_table(summary),
        portfolio_tables.reasons_table(summary),
    )
    show_tables(console, tables)
    if file is not None:
        console.print(Text(f"The plots are in {printable(str(file))}"), soft_wrap=True)


def _write_page(summary: PortfolioSummary, file: Path) -> None:
    from almeno_client.reports.portfolio_page import portfolio_page  # noqa: PLC0415 - plotting loads slowly

    write_page(file, portfolio_page(summary))
