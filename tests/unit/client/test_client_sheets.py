"""Sheets that the client writes: what is in them, and what a spreadsheet makes of it."""

import csv
import stat
from datetime import date
from decimal import Decimal
from itertools import chain

import openpyxl
import pytest
from almeno_client.reports import sheets
from almeno_client.reports.sheets import new_sheet, safe_text

ROW = (7, "PUNE", Decimal("1234567.50"), date(2026, 1, 31), None)


def write(file, *listed, rows=(), headings=("A", "B", "C", "D", "E")):
    with new_sheet(file, "Loans", headings) as sheet:
        for row in chain(listed, rows):
            sheet.write(row)


def test_csv_file_has_amounts_with_both_decimals_and_dates_in_iso_form(tmp_path):
    file = tmp_path / "book.csv"
    write(file, ROW)
    rows = list(csv.reader(file.read_text().splitlines()))
    assert rows == [["A", "B", "C", "D", "E"], ["7", "PUNE", "1234567.50", "2026-01-31", ""]]


def test_workbook_has_numbers_and_date_cells(tmp_path):
    file = tmp_path / "book.xlsx"
    write(file, ROW)
    sheet = openpyxl.load_workbook(file).active
    assert sheet.title == "Loans"
    [_, row] = sheet.iter_rows(values_only=True)
    assert (row[0], row[1], row[2], row[3].date(), row[4]) == (7, "PUNE", 1234567.5, date(2026, 1, 31), None)


def test_day_that_spreadsheets_count_otherwise_is_text(tmp_path):
    file = tmp_path / "book.xlsx"
    write(file, [date(1900, 2, 28)], [date(1900, 3, 1)], headings=["Date"])
    [_, first, second] = openpyxl.load_workbook(file).active.iter_rows(values_only=True)
    assert first == ("1900-02-28",)
    assert second[0].date() == date(1900, 3, 1)


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r", "\n"])
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_text_is_never_a_formula(tmp_path, beginning, ending):
    file = tmp_path / f"book.{ending}"
    text = f"{beginning}HYPERLINK(1)"
    assert safe_text(text) == f"'{text}"
    write(file, [text], headings=["Text"])
    if ending == "csv":
        with file.open(newline="") as opened:
            assert list(csv.reader(opened))[1] == [f"'{text}"]
    else:
        cell = openpyxl.load_workbook(file).active["A2"]
        assert cell.data_type == "s"
        assert cell.value.startswith("'")


def test_negative_amount_stays_a_number(tmp_path):
    file = tmp_path / "book.csv"
    write(file, [Decimal("-84.75")], headings=["Interest"])
    assert file.read_text().split() == ["Interest", "-84.75"]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_sheet_that_breaks_off_leaves_what_was_there(tmp_path, ending):
    file = tmp_path / f"book.{ending}"
    file.write_text("before")

    def rows_of_a_stream_that_breaks():
        yield [1]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write(file, rows=rows_of_a_stream_that_breaks(), headings=["A"])
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_sheet_is_its_owners_alone(tmp_path):
    file = tmp_path / "book.csv"
    write(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_workbook_that_is_full_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sheets, "MAX_WORKBOOK_ROWS", 3)
    with pytest.raises(ValueError, match=r"2 rows at most; export to a \.csv file"):
        write(tmp_path / "book.xlsx", [1], [2], [3], headings=["A"])


def test_workbook_without_openpyxl_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(ValueError, match=r"almeno-grpc\[report\]'; a \.csv file needs none"):
        write(tmp_path / "book.xlsx")
    write(tmp_path / "book.csv")
    assert [file.name for file in tmp_path.iterdir()] == ["book.csv"]
