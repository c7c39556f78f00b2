"""Commands on imports: import customers, import loans, import status, import cancel, imports."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from almeno_client.cli.import_views import import_panel, imports_table, issues_table
from almeno_client.cli.options import AsJson, ImportId, Issues, Limit, RequestId, first, page_size_for, read_date
from almeno_client.cli.progress import progress_bar
from almeno_client.cli.rendering import show_list
from almeno_client.cli.session import ExitCode, Session, new_console, session_of
from almeno_client.client import CreditClient
from almeno_client.formatting import humanized, printable
from almeno_client.portfolio_records import Import, ImportKind, ImportState

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        readable=True,
        help="The .xlsx, .xls, .xlsb, .ods or .csv file to load.",
    ),
]
BookDate = Annotated[
    str | None,
    typer.Option(
        "--book-date",
        metavar="YYYY-MM-DD",
        help="The day the file's figures stand for.  [default: the service's business date]",
        show_default=False,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="HEADING=COLUMN",
        help="A column that the file heads otherwise, such as 'Date of Approval=opened'. May be repeated.",
        show_default=False,
    ),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the import to end, only queue it.")]


def import_customers(
    context: typer.Context,
    file: File,
    book_date: BookDate = None,
    column: Columns = None,
    no_wait: NoWait = False,
    issues: Issues = 20,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Load a file of customers, one a row, and wait for the end. Ends with 6 or 7 when it did not go through whole.

    Examples:
      almeno import customers customers.xlsx
    """
    session = session_of(context, as_json)
    _load(session, ImportKind.CUSTOMERS, file, book_date, column or [], issues, request_id, wait=not no_wait)


def import_loans(
    context: typer.Context,
    file: File,
    book_date: BookDate = None,
    column: Columns = None,
    no_wait: NoWait = False,
    issues: Issues = 20,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Load a file of loans, one a row, and wait for the end. Ends with 6 or 7 when it did not go through whole.

    Examples:
      almeno import loans loans.csv --book-date 2026-01-31
      almeno import loans loans.csv --column 'Date of Approval=opened' --no-wait
    """
    session = session_of(context, as_json)
    _load(session, ImportKind.LOANS, file, book_date, column or [], issues, request_id, wait=not no_wait)


def import_status(
    context: typer.Context,
    import_id: ImportId,
    issues: Issues = 20,
    as_json: AsJson = False,
) -> None:
    """Show how far an import has come, and its rejected and adjusted rows. Ends with 6 or 7 like the import itself.

    Examples:
      almeno import status IMPORT_ID --issues 0
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        state = client.get_import(import_id)
        _show(session, client, state, issues)
    raise typer.Exit(_exit_code(state))


def import_cancel(
    context: typer.Context, import_id: ImportId, request_id: RequestId = None, as_json: AsJson = False
) -> None:
    """Cancel an import; rows that were imported stay. One that has ended already stays as it is.

    Examples:
      almeno import cancel IMPORT_ID
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        state = client.cancel_import(import_id, request_id=request_id)
    if session.as_json:
        session.show_json(**{"import": state})
    else:
        new_console().print(import_panel(state))


def imports(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the imports, the newest first.

    Examples:
      almeno imports
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        rows, more = first(client.list_imports(page_size=page_size_for(limit)), limit)
    if session.as_json:
        session.show_rows(Import, imports=rows, more=more)
    else:
        show_list(new_console(), imports_table(rows), nothing="Nothing was imported yet.", more=more)


def _load(
    session: Session,
    kind: ImportKind,
    file: Path,
    book_date: str | None,
    columns: list[str],
    issues: int,
    request_id: str | None,
    *,
    wait: bool,
) -> None:
    day: date | None = read_date("--book-date", book_date) if book_date else None
    named = _named(columns)
    with session.connected() as client:
        state = client.start_import(kind, file, book_date=day, columns=named, request_id=request_id)
        if wait:
            state = _watch(session, client, state)
            _show(session, client, state, issues)
        elif session.as_json:
            session.show_json(**{"import": state})
        else:
            new_console().print(import_panel(state))
    raise typer.Exit(_exit_code(state))


def _named(columns: list[str]) -> dict[str, str]:
    """The file's headings by the book's, from options such as `Date of Approval=opened`."""
    named: dict[str, str] = {}
    for column in columns:
        heading, sign, name = (part.strip() for part in column.partition("="))
        if not (heading and sign and name):
            raise typer.BadParameter(f"{column!r} is not HEADING=COLUMN, such as 'Date of Approval=opened'")
        if heading in named:
            raise typer.BadParameter(f"{heading!r} is named twice")
        named[heading] = name
    return named


def _watch(session: Session, client: CreditClient, state: Import) -> Import:
    """Waits for the end of an import; whoever stops waiting is told how to look again."""
    try:
        with progress_bar(session) as progress:
            task = progress.add_task(printable(state.file_name), total=None, state=humanized(state.state))
            for moved in _moves(client, state):
                state = moved
                progress.update(
                    task, completed=moved.rows_done, total=moved.rows_total or None, state=humanized(moved.state)
                )
    except (KeyboardInterrupt, SystemExit) as end:
        session.show_error(
            "stopped waiting; the import goes on",
            f"almeno import status {state.import_id}   shows how far it has come",
            f"almeno import cancel {state.import_id}   cancels it",
            import_id=state.import_id,
        )
        raise typer.Exit(getattr(end, "code", ExitCode.INTERRUPTED)) from None
    return state


def _moves(client: CreditClient, state: Import) -> Iterator[Import]:
    yield state
    if not state.state.is_end:
        yield from client.watch_import(state.import_id)


def _show(session: Session, client: CreditClient, state: Import, issues: int) -> None:
    """Prints an import with its issues."""
    found, more = first(client.list_import_issues(state.import_id, page_size=page_size_for(issues)), issues)
    if session.as_json:
        session.show_json(**{"import": state, "issues": found, "more_issues": more})
        return
    console = new_console()
    console.print(import_panel(state))
    if found:
        console.print(issues_table(found))
    if more:
        console.print(
            Text(f"All of them: almeno import status {printable(state.import_id)} --issues 0", "dim"), soft_wrap=True
        )


def _exit_code(state: Import) -> ExitCode:
    if state.state in (ImportState.FAILED, ImportState.CANCELLED):
        return ExitCode.IMPORT_ENDED_EARLY
    return ExitCode.ROWS_REJECTED if state.rows_rejected else ExitCode.OK
