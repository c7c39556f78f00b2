"""Files of a book, as lenders send them and as they should not: CSV texts, workbooks and damaged ones."""

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date

import openpyxl

from almeno_grpc.domain.headings import HEADINGS
from almeno_grpc.domain.imports import ImportKind

CUSTOMER_HEADINGS, LOAN_HEADINGS = HEADINGS[ImportKind.CUSTOMERS], HEADINGS[ImportKind.LOANS]
Row = Sequence[object]


def customer_row(number: int, /, **changes: object) -> list[object]:
    """A good row of customers; changes by heading, in lower case with underscores."""
    row = (number, "Asha", "Rao", 30, 8_000_000_000 + number, 50_000, 1_800_000)
    return _changed(CUSTOMER_HEADINGS, row, changes)


def loan_row(borrower: int, number: int, /, **changes: object) -> list[object]:
    """A good row of loans; changes as of `customer_row`."""
    row = (borrower, number, 100_000, 12, "10.5", 9_208, 2, date(2026, 1, 5), date(2027, 1, 5))
    return _changed(LOAN_HEADINGS, row, changes)


def _changed(headings: Sequence[str], row: Row, changes: dict[str, object]) -> list[object]:
    cells = dict(zip((heading.lower().replace(" ", "_") for heading in headings), row, strict=True))
    assert changes.keys() <= cells.keys()
    return list((cells | changes).values())


def csv_file(headings: Row, rows: Iterable[Row]) -> bytes:
    """The rows as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([headings, *rows])
    return text.getvalue().encode()


def workbook(headings: Row, rows: Iterable[Row], cells: dict[str, object] | None = None) -> bytes:
    """The rows as a workbook, with further cells such as {"XFD1048576": "lost"}."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [headings, *rows]:
        sheet.append(list(row))
    for place, value in (cells or {}).items():
        sheet[place] = value
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def zip_of(parts: dict[str, bytes]) -> bytes:
    """A zip file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return content.getvalue()


def open_document(rows: list[list[object]]) -> bytes:
    """The rows as an .ods workbook."""

    def cell(value: object) -> str:
        if isinstance(value, date):
            return f'<table:table-cell office:value-type="date" office:date-value="{value}"/>'
        if isinstance(value, int):
            return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'

    names = "urn:oasis:names:tc:opendocument:xmlns:"
    spaces = f'xmlns:office="{names}office:1.0" xmlns:table="{names}table:1.0" xmlns:text="{names}text:1.0"'
    lines = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    content = (
        f"<office:document-content {spaces}><office:body><office:spreadsheet><table:table table:name='a'>{lines}"
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    manifest = b"<manifest:manifest xmlns:manifest='urn:oasis:names:tc:opendocument:xmlns:manifest:1.0'/>"
    return zip_of(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content.encode(),
            "META-INF/manifest.xml": manifest,
        }
    )


def parts_of(workbook_file: bytes) -> dict[str, bytes]:
    """The parts of a workbook."""
    with zipfile.ZipFile(io.BytesIO(workbook_file)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def padded_workbook(workbook_file: bytes, padding_bytes: int) -> bytes:
    """The workbook with a sheet that unpacks to so many bytes more."""
    parts = parts_of(workbook_file)
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(b"</worksheet>", b" " * padding_bytes + b"</worksheet>")
    return zip_of(parts)


def with_stated_size(zip_file: bytes, part: str, size: int) -> bytes:
    """The zip file, which now says of a part that it unpacks to `size` bytes, in both places that say it."""
    content = bytearray(zip_file)
    with zipfile.ZipFile(io.BytesIO(zip_file)) as archive:
        local = archive.getinfo(part).header_offset
    central = content.index(b"PK\x01\x02")
    while content[central + 46 : central + 46 + len(part)] != part.encode():
        central = content.index(b"PK\x01\x02", central + 4)
    content[local + 22 : local + 26] = size.to_bytes(4, "little")
    content[central + 24 : central + 28] = size.to_bytes(4, "little")
    return bytes(content)
