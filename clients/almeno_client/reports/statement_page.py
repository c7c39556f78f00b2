"""The page of a statement of account, which prints on A4."""

from html import escape
from importlib.resources import files

from almeno_client.files import PAGE_MARK
from almeno_client.formatting import printable, rupees
from almeno_client.reports import statement_tables as tables
from almeno_client.statement_records import Statement

# It has no scripts, and fetches nothing from anywhere.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_COLUMNS = ("Date", "What", "Debit", "Credit", "Balance")
_NOTE = (
    "The balance is what is owed as it has been billed. The principal is in it from the disbursement on, so that an "
    "instalment which falls due adds its interest alone. A balance below zero is in the borrower's favour."
)


def statement_page(statement: Statement) -> str:
    """Writes the page: the loan, the period and its totals, and each line with the balance after it."""
    style = files("almeno_client.reports").joinpath("statement.css").read_text(encoding="utf-8")
    title = escape(tables.title(statement))
    facts = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>\n"
        for name, value in (*tables.about_rows(statement), *tables.total_rows(statement))
    )
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in _COLUMNS)
    lines = "".join(_row(tables.line_row(line)) for line in statement.lines)
    opening = _row((str(statement.start), "Opening balance", "", "", rupees(statement.opening_balance)), kind="total")
    closing = _row(
        (
            str(statement.end),
            "Closing balance",
            rupees(statement.debits),
            rupees(statement.credits),
            rupees(statement.closing_balance),
        ),
        kind="total",
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{PAGE_MARK}
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<dl>
{facts}</dl>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{opening}{lines}{closing}</tbody>
</table>
<p>{escape(_NOTE)}</p>
</main>
</body>
</html>
"""


def _row(cells: tuple[str, str, str, str, str], kind: str = "line") -> str:
    day, what, *figures = (escape(printable(cell)) for cell in cells)
    # Where the screen is narrow, each figure stands under its name, which the column has above it else.
    named = "".join(
        f'<td data-name="{column}">{figure}</td>' for column, figure in zip(_COLUMNS[2:], figures, strict=True)
    )
    return f'<tr class="{kind}"><th scope="row">{day}</th><td class="what">{what}</td>{named}</tr>\n'
