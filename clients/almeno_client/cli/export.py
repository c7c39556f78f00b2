"""The command that writes the book to a file: export."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import typer
from rich.text import Text

from almeno_client.cli.access_options import read_instant
from almeno_client.cli.options import AsJson, read_date
from almeno_client.cli.progress import progress_bar
from almeno_client.cli.session import Session, is_interactive, new_console, session_of
from almeno_client.export_records import ExportedLoan, ExportProgress, JournalEntry
from almeno_client.files import is_regular, refuse_symlink
from almeno_client.formatting import count, printable
from almeno_client.reports.export_sheets import JOURNAL_HEADINGS, LOAN_HEADINGS, journal_rows, loan_row
from almeno_client.reports.sheets import Cell, is_workbook_name, new_sheet

_Record = TypeVar("_Record", ExportedLoan, JournalEntry)


class _Written(NamedTuple):
    """What went into a sheet."""

    records: int
    next_changed_since: datetime | None


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="The .csv or .xlsx file to write.")],
    journal: Annotated[
        bool, typer.Option("--journal", help="Write the entries of the general ledger instead of the loans.")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="YYYY-MM-DD",
            show_default=False,
            help="The day of the loans' figures.  [default: the service's business date]",
        ),
    ] = None,
    changed_since: Annotated[
        str | None,
        typer.Option(
            "--changed-since", metavar="TIME", show_default=False, help="Only loans changed since: 2026-01-31."
        ),
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="YYYY-MM-DD",
            show_default=False,
            help="The first day of the journal.  [default: the beginning of the book]",
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="YYYY-MM-DD",
            show_default=False,
            help="The last day of the journal.  [default: the service's business date]",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the loans of the book, or its general ledger, to a .csv or .xlsx file.

    The loans have the headings of a lender's sheet first, and load again by `almeno import loans`.

    Examples:
      almeno export book.csv --overwrite
      almeno export changed.csv --changed-since 2026-01-31 --overwrite
      almeno export journal.xlsx --journal --from 2026-04-01 --overwrite
    """
    session = session_of(context, as_json)
    _refuse_others_options(journal, (as_of, changed_since), (begin, end))
    days = {option: _day(option, text) for option, text in (("--as-of", as_of), ("--from", begin), ("--to", end))}
    since = None if changed_since is None else read_instant("--changed-since", changed_since)
    _check_file(session, file, overwrite)
    with session.connected() as client:
        if journal:
            entries = client.export_journal(begin=days["--from"], end=days["--to"])
            written = _write(session, file, "Journal", JOURNAL_HEADINGS, entries, journal_rows)
        else:
            loans = client.export_loans(as_of=days["--as-of"], changed_since=since)
            written = _write(session, file, "Loans", LOAN_HEADINGS, loans, _rows_of_loan)
    what = "entries" if journal else "loans"
    one = "entry" if journal else "loan"
    if session.as_json:
        session.show_json(file=str(file), **{what: written.records}, next_changed_since=written.next_changed_since)
        return
    console = new_console()
    are = f"{one} is" if written.records == 1 else f"{what} are"
    console.print(Text(f"{count(written.records)} {are} in {printable(str(file))}"), soft_wrap=True)
    if written.next_changed_since is not None:
        next_time = f"{written.next_changed_since:%Y-%m-%dT%H:%M:%SZ}"
        console.print(Text(f"Next time, --changed-since {next_time} exports what has changed.", "dim"), soft_wrap=True)


def _write(
    session: Session,
    file: Path,
    title: str,
    headings: tuple[str, ...],
    updates: Iterator[ExportProgress | _Record],
    rows_of: Callable[[_Record], Iterable[tuple[Cell, ...]]],
) -> _Written:
    """Writes the sheet as the records come, and draws the progress."""
    records, since = 0, None
    with progress_bar(session) as bar, new_sheet(file, title, headings) as sheet:
        task = bar.add_task("exporting", total=None, state="loans")
        for update in updates:
            if isinstance(update, ExportProgress):
                since = update.next_changed_since
                bar.update(task, completed=update.loans_done, total=update.loans_total or None)
                continue
            records += 1
            for row in rows_of(update):
                sheet.write(row)
    return _Written(records, since)


def _rows_of_loan(exported: ExportedLoan) -> Iterable[tuple[Cell, ...]]:
    return (loan_row(exported),)


def _day(option: str, text: str | None) -> date | None:
    return None if text is None else read_date(option, text)


def _refuse_others_options(journal: bool, of_loans: tuple[str | None, ...], of_journal: tuple[str | None, ...]) -> None:
    if journal and any(of_loans):
        raise typer.BadParameter("is of the loans, not of the journal", param_hint="'--as-of' / '--changed-since'")
    if not journal and any(of_journal):
        raise typer.BadParameter("needs --journal", param_hint="'--from' / '--to'")


def _check_file(session: Session, file: Path, overwrite: bool) -> None:
    """Refuses, before the work begins, a file that cannot be written or is not to be.

    Raises:
        typer.BadParameter: It has another ending, there is no such folder, or it is there.
    """
    try:
        is_workbook_name(file)
        refuse_symlink(file)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'FILE'") from None
    if not file.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {file.parent}", param_hint="'FILE'")
    if not file.exists() or (overwrite and is_regular(file)):
        return
    asks = is_regular(file) and not session.as_json and is_interactive()
    if not (asks and typer.confirm(f"{printable(str(file))} is there. Overwrite it?", err=True)):
        raise typer.BadParameter(f"{file} is there; --overwrite writes over it", param_hint="'FILE'")
