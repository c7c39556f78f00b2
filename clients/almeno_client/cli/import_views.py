"""Imports and their issues as tables."""

from collections.abc import Iterable

from rich.panel import Panel
from rich.text import Text

from almeno_client.cli.instants import local_date
from almeno_client.cli.list_table import ListTable
from almeno_client.cli.rendering import key_value_table, titled_panel
from almeno_client.formatting import count, humanized, printable
from almeno_client.portfolio_records import Import, ImportIssue, ImportIssueOutcome, ImportState

_STATE_STYLES = {
    ImportState.SUCCEEDED: "bold green",
    ImportState.FAILED: "bold red",
    ImportState.CANCELLED: "bold yellow",
}


def import_panel(state: Import) -> Panel:
    """One import in full."""
    rows = [
        ("Import", Text(printable(state.import_id))),
        ("State", _state(state)),
    ]
    if state.error:
        rows.append(("Why", Text(printable(state.error), "red")))
    if state.book_date:
        rows.append(("Book date", Text(str(state.book_date))))
    rows.append(("Rows", Text(count(state.rows_total), "bold")))
    if state.rows_total:
        rows += [
            ("  inserted", Text(count(state.rows_inserted))),
            ("  updated", Text(count(state.rows_updated))),
            ("  unchanged", Text(count(state.rows_unchanged))),
            ("  rejected", Text(count(state.rows_rejected), "bold red" if state.rows_rejected else "")),
            (
                "Adjusted",
                Text(f"{count(state.rows_adjusted)} of the rows taken", "yellow") if state.rows_adjusted else Text("0"),
            ),
        ]
    return titled_panel(
        f"{humanized(state.kind).capitalize()} from {printable(state.file_name)}", key_value_table(rows)
    )


def imports_table(imports: Iterable[Import]) -> ListTable:
    """Many imports, one a row."""
    table = ListTable("Import", "File", "State", "Rows", "Uploaded", right=("Rows",), whole=("Import", "Uploaded"))
    for state in imports:
        outcome = _state(state)
        if state.rows_rejected:
            outcome.append(f", {count(state.rows_rejected)} rejected", "red")
        table.add_row(
            Text(printable(state.import_id)),
            Text(printable(state.file_name)),
            outcome,
            count(state.rows_total),
            local_date(state.create_time),
        )
    return table


def issues_table(issues: Iterable[ImportIssue]) -> ListTable:
    """Rejected and adjusted rows, one issue a row."""
    table = ListTable("Row", "", "Column", "What and why", right=("Row",))
    for issue in issues:
        style = "red" if issue.outcome is ImportIssueOutcome.REJECTED else "yellow"
        table.add_row(
            str(issue.row_number),
            Text(humanized(issue.outcome), style),
            Text(printable(issue.column)),
            Text(printable(issue.message)),
        )
    return table


def _state(state: Import) -> Text:
    return Text(humanized(state.state), _STATE_STYLES.get(state.state, "bold"))
