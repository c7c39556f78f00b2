"""Progress bars of long-running commands."""

from collections.abc import Iterator
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from almeno_client.cli.session import Session, new_console
from almeno_client.portfolio_records import BookProgress

_Result = TypeVar("_Result")


def progress_bar(session: Session) -> Progress:
    """The progress bar, on stderr; none for programs, nor where no terminal could draw it."""
    console = new_console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=session.wants_json or not console.is_terminal,
    )


def with_progress(session: Session, title: str, updates: Iterator[BookProgress | _Result]) -> Iterator[_Result]:
    """Draws the progress of a scan over the book, and yields its other updates."""
    with progress_bar(session) as bar:
        task = bar.add_task(title, total=None, state="customers")
        for update in updates:
            if isinstance(update, BookProgress):
                bar.update(task, completed=update.customers_done, total=update.customers_total or None)
            else:
                yield update
