"""The commands on the portfolio summary: report, late."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from almeno_client.cli.book_rendering import portfolio_panel, show_tables
from almeno_client.cli.options import AsJson, Limit, page_option
from almeno_client.cli.page_files import page_file
from almeno_client.cli.progress import with_progress
from almeno_client.cli.session import new_console, session_of
from almeno_client.files import write_page
from almeno_client.formatting import count, printable, rupees
from almeno_client.portfolio_records import LateLoan, PortfolioSummary
from almeno_client.reports import portfolio_tables
from almeno_client.reports.table_files import check_folder, tables_folder, write_tables

_PAGE = "almeno-report.html"
_SCORES_A_ROW = 10
_LATE_ROWS = 10
_CASH_ROWS = 12


def report(
    context: typer.Context, html: Annotated[Path | None, page_option(_PAGE)] = None, as_json: AsJson = False
) -> None:
    """Show aggregates of the whole book, and write a page with plots.

    The page goes to almeno-report.html unless --html says otherwise; where the answer is no table, as in a pipe, only
    --html writes one. The figures of every table go into files of CSV, in a folder beside the page:
    almeno-report-tables.

    Examples:
      almeno report
      almeno report --html report.html
    """
    session = session_of(context, as_json)
    file = page_file(html, _PAGE, as_json=session.as_json)
    with session.connected() as client:
        if file is not None:
            check_folder(tables_folder(file))
        (summary,) = with_progress(session, "adding up", client.summarize_portfolio())
        if file is not None:
            _write_page(summary, file, client.address)
    if session.as_json:
        session.show_json(summary=summary)
        session.show_page(file)
        return
    console = new_console()
    console.print(portfolio_panel(summary))
    tables = (
        portfolio_tables.classes_table(summary),
        portfolio_tables.states_table(summary),
        portfolio_tables.vintages_table(summary),
        portfolio_tables.cash_table(summary, _CASH_ROWS),
        portfolio_tables.scores_table(summary, _SCORES_A_ROW),
        portfolio_tables.burden_table(summary),
        portfolio_tables.decisions_table(summary),
        portfolio_tables.reasons_table(summary),
        portfolio_tables.late_loans_table(summary, _LATE_ROWS),
    )
    show_tables(console, tables)
    if summary.late_loan_count > _LATE_ROWS:
        console.print(Text("almeno late shows more of them.", "dim"))
    if file is not None:
        console.print(Text(f"The plots are in {printable(str(file))}"), soft_wrap=True)
        console.print(Text(f"The tables are in {printable(str(tables_folder(file)))}"), soft_wrap=True)


def late(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the late loans, those with the most days past due first; the service lists 1,000 at most.

    Examples:
      almeno late --limit 10
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        (summary,) = with_progress(session, "adding up", client.summarize_portfolio())
    rows = summary.late_loans[: limit or None]
    if session.as_json:
        session.show_rows(
            LateLoan,
            business_date=summary.business_date,
            late_loan_count=summary.late_loan_count,
            overdue_amount=summary.overdue_amount,
            late_loans=rows,
            more=len(rows) < summary.late_loan_count,
        )
        return
    console = new_console()
    if not rows:
        console.print(Text(f"No loan is late on {summary.business_date}.", "dim"))
        return
    show_tables(console, [portfolio_tables.late_loans_table(summary, len(rows))])
    console.print(
        f"{rupees(summary.overdue_amount)} is overdue on {count(summary.late_loan_count)} loans on "
        f"{summary.business_date}."
    )
    if len(rows) < len(summary.late_loans):
        console.print(Text("There are more; --limit 0 shows all.", "dim"))


def _write_page(summary: PortfolioSummary, file: Path, address: str) -> None:
    from almeno_client.reports import portfolio_page as plots  # noqa: PLC0415 - plotting loads slowly
    from almeno_client.reports.page import tables_of  # noqa: PLC0415 - the same
    from almeno_client.reports.provenance import Source, provenance_of_portfolio  # noqa: PLC0415 - the same

    source = Source(datetime.now().astimezone(), address)
    sections = [*plots.portfolio_sections(summary), provenance_of_portfolio(source, summary)]
    write_page(file, plots.portfolio_page(summary, sections))
    write_tables(tables_folder(file), tables_of(sections))
