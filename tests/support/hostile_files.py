"""Files that somebody has made to cost a server dear: each is small on the wire, and has to stay cheap behind it.

Beside the files of `support.unsound_files`, whose reasons are known by their words, these may end in any way that is
the sender's to mend: failed as a whole, or with an issue for each bad row.
"""

import io
import random
from collections.abc import Callable, Iterator
from datetime import date

import xlwt

from support.book_files import (
    CUSTOMER_HEADINGS,
    csv_file,
    customer_row,
    open_document,
    padded_workbook,
    parts_of,
    workbook,
    zip_of,
)

SHEET, WORKBOOK, STYLES = "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"
RELATIONS, TYPES = "xl/_rels/workbook.xml.rels", "[Content_Types].xml"
ROWS = [customer_row(number) for number in range(1, 4)]
GOOD = workbook(CUSTOMER_HEADINGS, ROWS)
GOOD_CSV = csv_file(CUSTOMER_HEADINGS, ROWS)
LAST_COLUMN, MAX_COLUMNS = "XFD", 16_384
_HEADER = ",".join(CUSTOMER_HEADINGS).encode()


def old_workbook() -> bytes:
    """The good rows in an .xls workbook."""
    book, content = xlwt.Workbook(), io.BytesIO()
    sheet = book.add_sheet("book")
    for number, row in enumerate([CUSTOMER_HEADINGS, *ROWS]):
        for column, cell in enumerate(row):
            sheet.write(number, column, cell)
    book.save(content)
    return content.getvalue()


def changed(part: str, old: bytes, new: bytes) -> bytes:
    """The good workbook with a part changed."""
    parts = parts_of(GOOD)
    assert old in parts[part], f"{part} holds no {old!r}"
    return zip_of(parts | {part: parts[part].replace(old, new, 1)})


def with_rows(rows: str) -> bytes:
    """The good workbook with further rows, as XML."""
    return changed(SHEET, b"</sheetData>", rows.encode() + b"</sheetData>")


def wide_workbook(rows: int) -> bytes:
    """A cell in the last column of each row."""
    lines = (f'<row r="{row}"><c r="{LAST_COLUMN}{row}"><v>1</v></c></row>' for row in range(5, rows + 5))
    return with_rows("".join(lines))


def full_rows(rows: int) -> bytes:
    """A cell in every column of each row."""
    return with_rows("".join(f'<row r="{row}">{"<c><v>1</v></c>" * MAX_COLUMNS}</row>' for row in range(5, rows + 5)))


def with_entity(declaration: str, use: str = "&x;") -> bytes:
    """The good workbook with an entity declared and used as somebody's first name."""
    parts = parts_of(GOOD)
    assert b">Asha<" in parts[SHEET]
    sheet = parts[SHEET].replace(b">Asha<", f">{use}<".encode(), 1)
    body = sheet.partition(b"?>")[2] or sheet
    text = b'<?xml version="1.0"?><!DOCTYPE worksheet [' + declaration.encode() + b"]>" + body
    return zip_of(parts | {SHEET: text})


_LAUGHS = '<!ENTITY x0 "ha">' + "".join(f'<!ENTITY x{level + 1} "{f"&x{level};" * 10}">' for level in range(12))


def repeating_document(times: int) -> bytes:
    """A workbook whose rows and cells say that they stand there so many times."""
    parts = parts_of(open_document([[*CUSTOMER_HEADINGS], *ROWS]))
    content = parts["content.xml"].decode()
    repeated = (
        f'<table:table-row table:number-rows-repeated="{times}"><table:table-cell '
        f'table:number-columns-repeated="{times}" office:value-type="float" office:value="1"/></table:table-row>'
    )
    return zip_of(parts | {"content.xml": content.replace("</table:table>", repeated + "</table:table>").encode()})


def with_names(rows: list[str]) -> bytes:
    return csv_file(CUSTOMER_HEADINGS, [customer_row(place, first_name=name) for place, name in enumerate(rows, 1)])


HOSTILE_FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    # Bombs: small when packed.
    "sheet of 200 MiB of spaces": ("a.xlsx", lambda: padded_workbook(GOOD, 200 * 2**20)),
    "sheet of 30 MiB of nested elements": ("a.xlsx", lambda: with_rows("<row><c>" * 4_000_000)),
    "elements 1,000,000 deep": ("a.xlsx", lambda: with_rows("<a>" * 1_000_000 + "</a>" * 1_000_000)),
    "every cell of 60 rows": ("a.xlsx", lambda: full_rows(60)),
    "rows and cells a billion times": ("a.ods", lambda: repeating_document(10**9)),
    "rows and cells two thousand times": ("a.ods", lambda: repeating_document(2_000)),
    "20,000 parts": ("a.xlsx", lambda: zip_of(parts_of(GOOD) | {f"x/{number}": b"" for number in range(20_000)})),
    "text of 40 MiB in a cell": ("a.xlsx", lambda: changed(SHEET, b">Asha<", b">" + b"x" * 40 * 2**20 + b"<")),
    # XML that asks for more than itself.
    "entity of a file": ("a.xlsx", lambda: with_entity('<!ENTITY x SYSTEM "file:///etc/passwd">')),
    "entity of another machine": ("a.xlsx", lambda: with_entity('<!ENTITY x SYSTEM "http://127.0.0.1:1/x">')),
    "entities of entities": ("a.xlsx", lambda: with_entity(_LAUGHS, "&x12;")),
    "external subset": ("a.xlsx", lambda: with_entity('<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;', "a")),
    # Parts that point to what is not there, or to themselves.
    "workbook that is its own sheet": ("a.xlsx", lambda: changed(RELATIONS, b"worksheets/sheet1.xml", b"workbook.xml")),
    "sheet outside of the file": ("a.xlsx", lambda: changed(RELATIONS, b"worksheets/sheet1.xml", b"../../etc/passwd")),
    "string that nobody has": ("a.xlsx", lambda: with_rows('<row r="9"><c r="A9" t="s"><v>99999999</v></c></row>')),
    "string before the first": ("a.xlsx", lambda: with_rows('<row r="9"><c r="A9" t="s"><v>-1</v></c></row>')),
    "style that nobody has": ("a.xlsx", lambda: with_rows('<row r="9"><c r="A9" s="4294967296"><v>1</v></c></row>')),
    "row beyond the last": ("a.xlsx", lambda: with_rows('<row r="4294967297"><c r="A4294967297"><v>1</v></c></row>')),
    "row before the first": ("a.xlsx", lambda: with_rows('<row r="0"><c r="A0"><v>1</v></c></row>')),
    "column beyond the last": ("a.xlsx", lambda: with_rows('<row r="9"><c r="ZZZZZZZ9"><v>1</v></c></row>')),
    "size that lies": ("a.xlsx", lambda: changed(SHEET, b"<dimension ref=", b'<dimension ref="A1:XFD1048576" x=')),
    # Formulas.
    "formulas that refer to each other": (
        "a.xlsx",
        lambda: workbook(CUSTOMER_HEADINGS, [customer_row(1, age="=F2", monthly_salary="=D2"), customer_row(2)]),
    ),
    "formulas that start programs": (
        "a.csv",
        lambda: with_names(["=cmd|' /C calc'!A0", '=HYPERLINK("http://x")', "@SUM(1)", "+1", "-1", "\tx"]),
    ),
    # Other formats, cut short or under another name.
    "old workbook cut short": ("a.xls", lambda: old_workbook()[:3_000]),
    "old workbook as a new one": ("a.xlsx", old_workbook),
    "new workbook as a document": ("a.ods", lambda: GOOD),
    "new workbook as a binary one": ("a.xlsb", lambda: GOOD),
    "workbook as text": ("a.csv", lambda: GOOD[:-300]),
    "text as a document": ("a.ods", lambda: GOOD_CSV),
    "zip within the zip": ("a.xlsx", lambda: zip_of({TYPES: GOOD, SHEET: GOOD, WORKBOOK: GOOD})),
    # Text.
    "NUL bytes": ("a.csv", lambda: GOOD_CSV.replace(b"Asha", b"A\0sha")),
    "NUL bytes alone": ("a.csv", lambda: bytes(1_000_000)),
    "line of 20 MiB": ("a.csv", lambda: GOOD_CSV + b"4," + b"x" * 20 * 2**20),
    "line of 20,000 commas": ("a.csv", lambda: GOOD_CSV + b"," * 20_000),
    "heading of 20,000 commas": ("a.csv", lambda: _HEADER + b"," * 20_000 + b"\n1,Asha\n"),
    "quote of 20 MiB": ("a.csv", lambda: GOOD_CSV + b'4,"' + b"x\n" * 10 * 2**20 + b'"\n'),
    "1,000,000 quotes": ("a.csv", lambda: GOOD_CSV + b'"' * 1_000_000),
    "carriage returns alone": ("a.csv", lambda: GOOD_CSV.replace(b"\r\n", b"\r")),
    "two byte order marks": ("a.csv", lambda: b"\xef\xbb\xbf" * 2 + GOOD_CSV),
    "half a character at the end": ("a.csv", lambda: GOOD_CSV.decode().encode("utf-16") + b"\x0a"),
    "numbers beyond all bounds": (
        "a.csv",
        lambda: csv_file(
            CUSTOMER_HEADINGS,
            [
                customer_row(2**63),
                customer_row(1, age="9" * 5_000),
                customer_row(2, monthly_salary="1e400"),
                customer_row(3, monthly_salary="NaN", approved_limit="-Infinity"),
                customer_row(4, age=date(9999, 12, 31), phone_number="1" * 100_000),
            ],
        ),
    ),
}
"""What they are called, with their content."""

DEAR_FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    # 80 million cells to who takes the sheet's size for what it holds.
    "sheet of 16,384 columns and 5,000 rows": ("a.xlsx", lambda: wide_workbook(5_000)),
    # After the first part of the file comes the first part.
    "old workbook whose parts are a circle": ("a.xls", lambda: old_workbook()[:512] + bytes(200_000)),
    "line of 250,000 commas": ("a.csv", lambda: GOOD_CSV + b"," * 250_000),
}
"""Files of 30 to 250 KB that cost more than others of their size, as those above."""


def mutated_files(rng: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Good files of each format after some of their bytes were changed; of a zip file those of a part, unpacked."""
    good = {"a.xlsx": GOOD, "a.ods": open_document([[*CUSTOMER_HEADINGS], *ROWS])}
    for number in range(count):
        name = ("a.xlsx", "a.ods", "a.xls", "a.csv")[number % 4]
        if name in good and rng.random() < 0.8:
            parts = parts_of(good[name])
            part = rng.choice([SHEET, SHEET, WORKBOOK, STYLES] if name == "a.xlsx" else ["content.xml"])
            yield name, zip_of(parts | {part: _damaged(parts[part], rng)})
        else:
            whole = {"a.xls": old_workbook, "a.csv": lambda: GOOD_CSV}.get(name, lambda name=name: good[name])()
            yield name, _damaged(whole, rng)


def _damaged(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 12)):
        place = rng.randrange(len(damaged))
        match rng.randrange(4):
            case 0:
                damaged[place] ^= 1 << rng.randrange(8)
            case 1:
                del damaged[place : place + rng.randint(1, 40)]
            case 2:
                damaged[place:place] = damaged[place : place + rng.randint(1, 400)] * rng.choice((1, 20))
            case _:
                numbers = (b"-1", b"0", b"4294967296", b"9" * 30, b"1e308", b"\xff\xff\xff\x7f", b"\0")
                damaged[place : place + 1] = rng.choice(numbers)
        if not damaged:
            break
    return bytes(damaged) or b"x"
