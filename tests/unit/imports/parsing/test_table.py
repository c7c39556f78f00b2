"""Reading imported files as a whole: what is taken, what is refused and what is said."""

import contextlib
import random
import struct
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from almeno_grpc.domain.headings import HEADINGS
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing import table as table_module
from almeno_grpc.imports.parsing.cells import Fault
from almeno_grpc.imports.parsing.sheets import open_sheet
from almeno_grpc.imports.parsing.table import Table, read_table
from almeno_grpc.imports.sandbox.messages import ReadingLimits

CUSTOMERS = ImportKind.CUSTOMERS
HEADING_ROW = list(HEADINGS[CUSTOMERS])
ROW = [7, "Asha", "Rao", 41, 9876543210, 50000, 1800000]
CSV_HEADINGS = ",".join(HEADING_ROW)
CSV_ROW = ",".join(map(str, ROW))


def workbook(path: Path, rows: list[list]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def read(path: Path, name: str | None = None, columns: dict[str, str] | None = None, **limits: int) -> Table:
    sheet = open_sheet(path, name or path.name, ReadingLimits(**limits))
    return read_table(sheet, CUSTOMERS, columns or {}, ReadingLimits(**limits))


def faults(table: Table, heading: str) -> dict[int, Fault]:
    return dict(table.columns[heading].marked(Fault))


def column(table: Table, heading: str) -> list[object]:
    return table.columns[heading].values.tolist()


def numbers(table: Table) -> list[int]:
    return table.row_numbers.tolist()


@pytest.fixture
def sound(tmp_path) -> Path:
    return workbook(tmp_path / "sound.xlsx", [HEADING_ROW, ROW])


@pytest.fixture
def text(tmp_path):
    def text(content: str | bytes) -> Path:
        path = tmp_path / "book.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return text


def refusal(path: Path, name: str | None = None, **limits: int) -> str:
    with pytest.raises(FileRefusedError) as refused:
        read(path, name, **limits)
    return str(refused.value)


def test_workbook_is_read_whatever_its_name_says(sound):
    for name in ("book.xlsx", "book.csv", "book", "BOOK.TXT"):
        assert len(read(sound, name)) == 1


@pytest.mark.parametrize("name", ["book.csv", "book", "book.txt"])
def test_csv_is_read_with_or_without_a_byte_order_mark(text, name):
    for mark in (b"", b"\xef\xbb\xbf"):
        assert column(read(text(mark + f"{CSV_HEADINGS}\r\n{CSV_ROW}\r\n".encode()), name), "Customer ID") == [7]


@pytest.mark.parametrize("name", ["book.xlsx", "BOOK.XLSX"])
def test_text_named_as_a_workbook_is_refused(text, name):
    assert "not an .xlsx workbook" in refusal(text(f"{CSV_HEADINGS}\n{CSV_ROW}\n"), name)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "not a sound workbook, or has a password"),
        (f"{CSV_HEADINGS}\n7,Jos\xe9,Rao,41,1,1,1".encode("latin-1"), "UTF-8 (line 2 is not)"),
        (f"{CSV_HEADINGS}\n{CSV_ROW}".encode("utf-16-le"), "save it as CSV UTF-8"),
        (f"{CSV_HEADINGS}\n7,A\0B,Rao,41,1,1,1".encode(), "(line 2 is not)"),
        (b"\x89PNG\r\n\x1a\n", "neither a workbook nor CSV"),
        (b"\n\n  \n", "no headings"),
        (f'{CSV_HEADINGS}\n7,"Asha,Rao,41,1,1,1\n{CSV_ROW}'.encode(), "not sound CSV: line 3"),
        (b"PK\x03\x04 and nothing more", "damaged"),
    ],
)
def test_file_that_is_no_book_is_refused_with_the_reason(text, content, said):
    assert said in refusal(text(content))


def test_missing_headings_are_all_named(text, tmp_path):
    message = refusal(text("Customer ID,First Name,Age\n1,2,3\n"))
    assert message.startswith(
        "the file has no column headed 'Last Name', 'Phone Number', 'Monthly Salary', 'Approved Limit'; "
    )
    assert "'Last Name'" in refusal(workbook(tmp_path / "b.xlsx", [["Customer ID", 5, None, date(2024, 1, 1)]]))


def test_heading_that_stands_twice_is_named(text):
    assert "headed 'Age'" in refusal(text(f"{CSV_HEADINGS},age\n"))


def test_headings_match_in_any_case_with_spaces_or_underscores_in_any_order(text):
    headings = "limit,APPROVED_LIMIT,phonenumber,Age,last name, First_Name,customer id ,monthlySalary"
    table = read(text(f"{headings}\nx,1800000,9876543210,41,Rao,Asha,7,50000"))
    assert [column(table, heading)[0] for heading in HEADING_ROW] == [
        7, "Asha", "Rao", 41, 919876543210, 5_000_000, 180_000_000
    ]  # fmt: skip


def test_format_characters_in_headings_do_not_matter(text, tmp_path):
    headings = CSV_HEADINGS.replace("Customer", "\ufeffCust\u200bomer").replace("Age", "\u2060Age\u200e")
    assert column(read(text(b"\xef\xbb\xbf" + f"{headings}\n{CSV_ROW}".encode())), "Age") == [41]
    workbook_headings = ["Customer ID\u200b", *HEADING_ROW[1:]]
    assert column(read(workbook(tmp_path / "b.xlsx", [workbook_headings, ROW])), "Customer ID") == [7]


@pytest.mark.parametrize("synonym", ["monthly_income", "Salary", "MONTHLY INCOME"])
def test_synonym_of_a_heading_is_taken_where_the_book_s_own_is_missing(text, synonym):
    headings = CSV_HEADINGS.replace("Monthly Salary", synonym)
    assert column(read(text(f"{headings}\n{CSV_ROW}\n")), "Monthly Salary") == [5_000_000]
    assert column(read(text(f"{CSV_HEADINGS},{synonym}\n{CSV_ROW},99\n")), "Monthly Salary") == [5_000_000]


def test_two_synonyms_of_a_heading_are_too_many(text):
    headings = CSV_HEADINGS.replace("Monthly Salary", "Salary")
    assert "more than one column is headed 'Monthly Salary'" in refusal(text(f"{headings},Monthly Income\n"))


def test_column_that_the_sender_has_named_counts(text):
    path = text(f"{CSV_HEADINGS.replace('Approved Limit', 'Sanctioned')}\n{CSV_ROW}\n")
    assert column(read(path, columns={"approved limit": "sanctioned "}), "Approved Limit") == [180_000_000]
    with pytest.raises(FileRefusedError, match="no column headed 'Approved Limit'"):
        read(path, columns={"Approved Limit": "Granted"})


def test_missing_headings_say_what_was_looked_at_and_what_it_has(tmp_path, text):
    message = refusal(workbook(tmp_path / "b.xlsx", [["Customer ID", "Alter"]]))
    assert message.startswith("the sheet 'Sheet' has no column headed 'First Name'")
    assert message.endswith("it has 'Customer ID', 'Alter'")
    message = refusal(text(f"{CSV_ROW}\n"))
    assert message.startswith("the file has no column headed 'Customer ID'")
    assert message.endswith("needs the headings in its first row, which holds none of them")
    # What stands there is about a person.
    assert "Asha" not in message


def test_columns_that_are_not_ours_do_not_matter(tmp_path):
    rows = [["Note", *HEADING_ROW, "Branch", "Branch"], ["x", *ROW, "y", "z"], ["only a note"]]
    table = read(workbook(tmp_path / "b.xlsx", rows))
    assert column(table, "Customer ID") == [7]
    assert table.overlong == set()


def test_file_of_headings_alone_has_no_rows(text, tmp_path):
    assert len(read(text(CSV_HEADINGS))) == 0
    assert len(read(workbook(tmp_path / "b.xlsx", [HEADING_ROW]))) == 0


def test_workbook_without_cells_is_refused(tmp_path):
    assert "no headings" in refusal(workbook(tmp_path / "b.xlsx", []))


def test_blank_rows_are_left_out_and_the_others_keep_their_numbers(text, tmp_path):
    blank = [None] * 7
    rows = [blank, blank, HEADING_ROW, ROW, blank, [" ", *blank], ROW, blank]
    assert numbers(read(workbook(tmp_path / "b.xlsx", rows))) == [4, 7]
    assert numbers(read(text(f"\n\n{CSV_HEADINGS}\n{CSV_ROW}\n\n ,,,,,,\n{CSV_ROW}\n\n"))) == [4, 7]


def test_row_numbers_hold_over_the_pieces_a_long_file_is_read_in(text):
    table = read(text(f"{CSV_HEADINGS}\n" + f"{CSV_ROW}\n\n" * 12_000))
    assert numbers(table) == list(range(2, 24_002, 2))


def test_cell_that_holds_a_line_break_makes_no_second_row(text):
    table = read(text(f'{CSV_HEADINGS}\n7,"As\nha",Rao,41,1,1,1\n{CSV_ROW}\n'))
    assert numbers(table) == [2, 3]


def test_row_with_too_many_fields_is_marked_and_a_short_one_filled_up(text):
    table = read(text(f"{CSV_HEADINGS}\n{CSV_ROW},extra\n7,Asha\n{CSV_ROW},\n"))
    assert table.overlong == {0}
    assert column(table, "Age") == [41, 0, 41]
    assert set(faults(table, "Age")) == {1}


def test_formulas_without_a_value_and_errors_read_as_empty(tmp_path):
    path = workbook(tmp_path / "b.xlsx", [HEADING_ROW, [7, "Asha", "Rao", "=40+1", "#N/A", 1, 1]])
    table = read(path)
    for heading in ("Age", "Phone Number"):
        assert faults(table, heading)[0].message.startswith("is empty; so counts a formula")


def sheets(path: Path, *titles: tuple[str, str]) -> Path:
    """A workbook of sheets, each with a state and one customer, whose number is its place."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, (title, state) in enumerate(titles, start=1):
        sheet = book.create_sheet(title)
        sheet.sheet_state = state
        sheet.append(HEADING_ROW)
        sheet.append([number, *ROW[1:]])
    book.save(path)
    return path


def test_first_visible_sheet_counts(tmp_path):
    path = sheets(
        tmp_path / "b.xlsx", ("2021", "hidden"), ("lists", "veryHidden"), ("now", "visible"), ("x", "visible")
    )
    assert column(read(path), "Customer ID") == [3]


def test_piece_in_which_all_rows_are_blank_is_left_out(text, monkeypatch):
    monkeypatch.setattr(table_module, "_PIECE_CELLS", 7)
    table = read(text(f"{CSV_HEADINGS}\n\n,\n{CSV_ROW}\n,,,,,,\n \n\n\n{CSV_ROW},,x\n"))
    assert (numbers(table), table.overlong) == ([4, 9], {1})


def test_file_of_more_headings_than_a_sheet_has_use_for_is_refused(text):
    assert refusal(text("a," * 1_001 + "\n1\n")) == "the file has more than 1,000 headings"
    assert len(read(text(f"{CSV_HEADINGS}{',' * 2_000}\n{CSV_ROW}\n"))) == 1


def test_more_rows_than_the_limit_are_refused(text):
    path = text(f"{CSV_HEADINGS}\n" + f"{CSV_ROW}\n\n" * 3)
    assert len(read(path, rows=3)) == 3
    assert "more than 2 rows" in refusal(path, rows=2)


def test_truncated_workbook_is_refused(sound):
    whole = sound.read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 30):
        sound.write_bytes(whole[:length])
        assert "damaged" in refusal(sound)


def test_workbook_with_damaged_bytes_is_read_or_refused_but_never_fails(sound):
    whole = bytearray(sound.read_bytes())
    rng = random.Random(3)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(rng.choice((1, 20))):
            damaged[rng.randrange(4, len(damaged))] = rng.randrange(256)
        sound.write_bytes(damaged)
        with contextlib.suppress(FileRefusedError):
            read(sound)


def test_zip_that_is_no_workbook_is_refused(tmp_path):
    path = tmp_path / "b.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "not an .xlsx workbook" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    assert "not a sound workbook" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook><sheets><sheet")
    assert "not a sound workbook" in refusal(path)


def test_workbook_of_too_many_parts_is_refused(tmp_path):
    path = tmp_path / "b.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}", "")
    assert "more than 10,000 parts" in refusal(path)


def add_zeros(path: Path, size: int) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.bin", bytes(size))


def test_workbook_that_unpacks_beyond_the_limit_is_refused(sound):
    add_zeros(sound, 3_000_000)
    assert sound.stat().st_size < 20_000
    assert "too large once unpacked" in refusal(sound, unpacked_bytes=2_000_000)
    assert len(read(sound, unpacked_bytes=4_000_000)) == 1


@pytest.mark.parametrize("limit", [2_000_000, 2**30])
def test_workbook_that_lies_about_its_unpacked_size_is_refused(sound, limit):
    size = 3_000_000
    add_zeros(sound, size)
    content = sound.read_bytes()
    assert content.count(struct.pack("<I", size)) == 2
    sound.write_bytes(content.replace(struct.pack("<I", size), struct.pack("<I", 10)))
    assert refusal(sound, unpacked_bytes=limit)


def test_workbook_with_a_protected_part_is_refused(sound):
    content = bytearray(sound.read_bytes())
    with zipfile.ZipFile(sound) as archive:
        first = archive.infolist()[0].header_offset
    content[first + 6] |= 1
    central = content.index(b"PK\x01\x02")
    content[central + 8] |= 1
    sound.write_bytes(content)
    assert "has a password" in refusal(sound)
