"""Files that are refused as a whole: what they hold, and words of the reason."""

from collections.abc import Callable
from dataclasses import dataclass

from almeno_grpc.domain.imports import ImportKind
from support.book_files import (
    CUSTOMER_HEADINGS,
    csv_file,
    customer_row,
    padded_workbook,
    parts_of,
    with_stated_size,
    workbook,
    zip_of,
)

UNPACKED_BYTES, MAX_ROWS = 2**20, 400
"""The limits that some of them go beyond."""
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
SHEET = "xl/worksheets/sheet1.xml"

GOOD = workbook(CUSTOMER_HEADINGS, [customer_row(number) for number in range(1, 4)])
GOOD_CSV = csv_file(CUSTOMER_HEADINGS, [customer_row(number) for number in range(1, 4)])


def without(heading: str) -> tuple[str, ...]:
    return tuple(other for other in CUSTOMER_HEADINGS if other != heading)


@dataclass(frozen=True)
class UnsoundFile:
    """A file that is refused as a whole, and words of the reason."""

    name: str
    content: Callable[[], bytes]
    words: str
    kind: ImportKind = ImportKind.CUSTOMERS


UNSOUND_FILES = {
    "empty": UnsoundFile("a.xlsx", lambda: b"", "the file is empty"),
    "empty csv": UnsoundFile("a.csv", lambda: b"", "the file is empty"),
    "only white space": UnsoundFile("a.csv", lambda: b"\n \n\n", "is empty"),
    "empty sheet": UnsoundFile("a.xlsx", lambda: workbook([], []), "is empty"),
    "corrupt zip": UnsoundFile("a.xlsx", lambda: GOOD[:600] + bytes(400) + GOOD[1000:], "damaged"),
    "zip cut short": UnsoundFile("a.xlsx", lambda: GOOD[: len(GOOD) // 2], "damaged"),
    "png renamed": UnsoundFile("a.xlsx", lambda: PNG, "not an .xlsx workbook although its name says so"),
    "png renamed csv": UnsoundFile("a.csv", lambda: PNG, "CSV"),
    "csv renamed xlsx": UnsoundFile("a.xlsx", lambda: GOOD_CSV, "not an .xlsx workbook although its name says so"),
    "zip that is no workbook": UnsoundFile("a.xlsx", lambda: zip_of({"a.txt": b"a"}), "not an .xlsx workbook"),
    "workbook without sheets": UnsoundFile(
        "a.xlsx", lambda: zip_of({"[Content_Types].xml": b"<Types/>"}), "not a sound workbook"
    ),
    "sheet that is no xml": UnsoundFile(
        "a.xlsx", lambda: zip_of(parts_of(GOOD) | {SHEET: b"\0\1<<<"}), "not a sound workbook"
    ),
    "old office file": UnsoundFile(
        "a.xlsx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "or has a password"
    ),
    "missing heading": UnsoundFile(
        "a.csv", lambda: csv_file(without("Age"), [customer_row(1)[:6]]), "no column headed 'Age'"
    ),
    "several missing headings": UnsoundFile(
        "a.xlsx", lambda: workbook(["Customer ID", "Age"], [[1, 2]]), "'First Name', 'Last Name', 'Phone Number'"
    ),
    "heading twice": UnsoundFile(
        "a.csv", lambda: csv_file((*CUSTOMER_HEADINGS, "AGE"), [[*customer_row(1), 4]]), "more than one column"
    ),
    "customers as loans": UnsoundFile("a.xlsx", lambda: GOOD, "no column headed 'Loan ID'", ImportKind.LOANS),
    "no headings": UnsoundFile("a.csv", lambda: csv_file(customer_row(1), [customer_row(2)]), "no column headed"),
    "latin-1 text": UnsoundFile(
        "a.csv", lambda: GOOD_CSV + "4,Jos\xe9,Rao,30,9,1,1\n".encode("latin-1"), "CSV in UTF-8 (line 5 is not)"
    ),
    "utf-16 text without its mark": UnsoundFile("a.csv", lambda: GOOD_CSV.decode().encode("utf-16-le"), "CSV"),
    "open quote": UnsoundFile("a.csv", lambda: GOOD_CSV + b'4,"Asha', "not sound CSV"),
    "zip bomb": UnsoundFile("a.xlsx", lambda: padded_workbook(GOOD, 2 * UNPACKED_BYTES), "too large once unpacked"),
    "zip bomb that lies": UnsoundFile(
        "a.xlsx",
        lambda: with_stated_size(padded_workbook(GOOD, 40 * UNPACKED_BYTES), SHEET, 1_000),
        "too large once unpacked",
    ),
    "size that lies": UnsoundFile("a.xlsx", lambda: with_stated_size(GOOD, SHEET, 10), "damaged"),
    "cell far away": UnsoundFile(
        "a.xlsx",
        lambda: workbook(CUSTOMER_HEADINGS, [customer_row(1)], {"XFD1048576": "lost"}),
        "it may hold a cell far away from the others",
    ),
    "too many rows": UnsoundFile(
        "a.csv",
        lambda: csv_file(CUSTOMER_HEADINGS, map(customer_row, range(1, MAX_ROWS + 2))),
        f"more than {MAX_ROWS} rows",
    ),
}
