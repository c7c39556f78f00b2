"""The figures of a page as files of CSV, a table a file, in a folder beside it; and the flips of a simulation.

Numbers are plain there: no ₹, no grouping, no %. A cell without a value is empty. As the page, the files tell of
borrowers: their owner alone may read them.
"""

import csv
import io
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from almeno_client.files import refuse_symlink, write_table
from almeno_client.portfolio_records import SimulatedDecision, SimulationFlip
from almeno_client.reports.tables import PROVENANCE, TextTable

MARK = f"{PROVENANCE}.csv"
"""What each folder of tables has, so that no other is written to."""
FLIPS = "flips.csv"
_FLIP_COLUMNS = (
    "customer_id",
    *(f"{when}_{what}" for when in ("before", "after") for what in ("approved", "score", "rate", "reasons")),
)
_PLAIN = str.maketrans({"₹": "", ",": "", "→": "", "−": "-"})
_PER_CENT = " %"
_FOLDER_MODE = 0o700


def tables_folder(page: Path) -> Path:
    """Where the tables of a page are: beside book.html the folder book-tables."""
    return page.with_name(f"{page.stem}-tables")


def check_folder(folder: Path) -> None:
    """Refuses a folder that is something else's.

    Raises:
        OSError: It cannot be looked at.
        ValueError: It is a symbolic link, a file, or a folder with anything but tables of a page.
    """
    refuse_symlink(folder)
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARK).is_file()):
        raise ValueError(f"{folder} is there and has no tables of almeno; name another page")


def write_tables(folder: Path, tables: Iterable[TextTable]) -> None:
    """Writes each table into the folder, which is made where there is none.

    Raises:
        OSError: A file cannot be written.
        ValueError: The folder is something else's, or one of the files a symbolic link.
    """
    check_folder(folder)
    folder.mkdir(_FOLDER_MODE, exist_ok=True)
    # The mark first: where a later file fails, the folder is known again.
    for table in sorted(tables, key=lambda each: each.name != PROVENANCE):
        write_table(folder / f"{file_name(table)}.csv", csv_text(table))


def file_name(table: TextTable) -> str:
    """The name of a table's file, without the ending: active-loans-by-asset-class."""
    return table.name or re.sub(r"[^a-z0-9]+", "-", table.title.lower()).strip("-")


def csv_text(table: TextTable) -> str:
    """A table as CSV, its totals at the end; the heading of a column of percentages says so."""
    rows = [*table.rows, *table.totals]
    columns = []
    for index, column in enumerate(table.columns):
        values = [row[index] for row in rows if table.is_numeric(column)]
        is_share = any(value.endswith(_PER_CENT) for value in values)
        is_share = is_share and all(value.endswith(_PER_CENT) or value in ("", "–") for value in values)
        columns.append(f"{column}, %" if is_share else column)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(
            _plain(cell) if table.is_numeric(column) else cell for column, cell in zip(table.columns, row, strict=True)
        )
    return text.getvalue()


def _plain(cell: str) -> str:
    return "" if cell == "–" else cell.translate(_PLAIN).removesuffix(_PER_CENT).removeprefix("+")


@contextmanager
def flips_file(page: Path) -> Iterator[Callable[[SimulationFlip], object]]:
    """Takes flips one by one, however many; they stand in the folder of the page's tables when all have come.

    Raises:
        OSError: The file cannot be written.
        ValueError: The folder is something else's.
    """
    folder = tables_folder(page)
    check_folder(folder)
    unfinished = page.with_name(f".{FLIPS}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(_FLIP_COLUMNS)
            yield lambda flip: writer.writerow((flip.customer_id, *_answer(flip.before), *_answer(flip.after)))
        folder.mkdir(_FOLDER_MODE, exist_ok=True)
        refuse_symlink(folder / FLIPS)
        unfinished.replace(folder / FLIPS)
    finally:
        unfinished.unlink(missing_ok=True)


def _answer(decision: SimulatedDecision | None) -> tuple[object, ...]:
    """Approved or not, score, corrected rate, reasons; nothing where no schedule repays the loan."""
    if decision is None:
        return ("", "", "", "")
    reasons = " ".join(decision.reasons)
    return str(decision.approved).lower(), decision.credit_score, decision.corrected_interest_rate, reasons
