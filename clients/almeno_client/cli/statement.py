"""Command on the statement of a loan's account: statement."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.panel import Panel
from rich.text import Text

from almeno_client.cli.list_table import ListTable
from almeno_client.cli.options import AsJson, LoanId, read_date
from almeno_client.cli.page_files import page_file
from almeno_client.cli.rendering import key_value_table, show_list, titled_panel
from almeno_client.cli.session import new_console, session_of
from almeno_client.files import write_page
from almeno_client.formatting import printable
from almeno_client.reports import statement_tables
from almeno_client.reports.statement_page import statement_page
from almeno_client.statement_records import Statement, StatementLine


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A row of the statement as CSV or between tabs: a line, or the balance at the period's beginning or end.

    The fields of a line are those of `StatementLine`; of a balance all are empty but day, kind and balance, so that the
    debits and the credits of the rows add up to those of the period.
    """

    value_date: date
    kind: str
    """That of the line, OPENING_BALANCE or CLOSING_BALANCE."""
    installment_number: int | None = None
    installment_amount: Decimal | None = None
    charge_kind: str = ""
    repayment_id: str = ""
    external_reference: str = ""
    debit: Decimal | None = None
    credit: Decimal | None = None
    balance: Decimal = Decimal("0.00")


def statement(
    context: typer.Context,
    loan_id: LoanId,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="YYYY-MM-DD", help="First day.  [default: that of the disbursement]", show_default=False
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="YYYY-MM-DD", help="Last day.  [default: the service's business date]", show_default=False
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", dir_okay=False, show_default=False, help="Write it as a page here."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the statement of a loan's account: debits, credits and the balance by value date.

    As CSV it has a row a line, between one with the opening balance and one with the closing balance.

    Examples:
      almeno statement 1000000001
      almeno statement 1000000001 --from 2026-04-01 --to 2026-06-30
      almeno statement 1000000001 --html statement.html
      almeno statement 1000000001 --output csv > statement.csv
    """
    session = session_of(context, as_json)
    start_date = None if start is None else read_date("--from", start)
    end_date = None if end is None else read_date("--to", end)
    file = None if html is None else page_file(html, html.name, as_json=session.as_json)
    with session.connected() as client:
        of_loan = client.get_statement(loan_id, start=start_date, end=end_date)
        if file is not None:
            write_page(file, statement_page(of_loan))
    if session.as_json:
        if session.wants_json:
            session.show_json(statement=of_loan)
        else:
            session.show_rows(StatementRow, lines=list(_rows(of_loan)))
        session.show_page(file)
        return
    console = new_console()
    console.print(_panel(of_loan))
    show_list(console, _table(of_loan), nothing="The period has no lines.", more=False)
    if file is not None:
        console.print(Text(f"The page is {printable(str(file))}"), soft_wrap=True)


def _panel(of_loan: Statement) -> Panel:
    """The loan, the period and its totals."""
    rows = (*statement_tables.about_rows(of_loan), *statement_tables.total_rows(of_loan))
    return titled_panel(statement_tables.title(of_loan), key_value_table([(name, Text(value)) for name, value in rows]))


def _rows(of_loan: Statement) -> Iterator[StatementRow]:
    """The lines between the balances, as a ledger is loaded from."""
    yield StatementRow(of_loan.start, "OPENING_BALANCE", balance=of_loan.opening_balance)
    for line in of_loan.lines:
        yield StatementRow(**{field.name: getattr(line, field.name) for field in fields(StatementLine)})
    yield StatementRow(of_loan.end, "CLOSING_BALANCE", balance=of_loan.closing_balance)


def _table(of_loan: Statement) -> ListTable:
    """The lines, one a row."""
    figures = ("Debit", "Credit", "Balance")
    table = ListTable("Date", "What", *figures, right=figures, whole=("Date",))
    for line in of_loan.lines:
        table.add_row(*(Text(printable(cell)) for cell in statement_tables.line_row(line)))
    return table
