"""CSV files: pandas reads the rows that the csv module finds, whatever their separator and encoding."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from almeno_grpc.domain.headings import HEADINGS
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing import csv_text
from almeno_grpc.imports.parsing.sheets import is_blank, open_sheet
from almeno_grpc.imports.sandbox.messages import ReadingLimits

PLAIN = st.text(st.sampled_from("a019,; -+_\t\x0b\x0c\x1c\x85\u2028٣é€😀\n"), min_size=1, max_size=60)
ANY = st.text(st.sampled_from('a1,\n\r" é'), min_size=1, max_size=40)
VALUE = st.sampled_from(["NA", "nan", "", "0012", "1e5", "TRUE", "2021-03-09"])
CELL = VALUE | st.text(st.sampled_from('a1 ,;|\t\n\r"é'))
HEADING_ROW = HEADINGS[ImportKind.CUSTOMERS]
ROW = ["7", "Asha", "Rao", "41", "9876543210", "50000", "1800000"]


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sheets") / "book.csv"


@pytest.fixture(scope="module", autouse=True)
def small_chunks():
    """Lets short files, too, be read in several chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_text, "_CHUNK_CELLS", 20)
        patch.setattr(csv_text, "_MIN_CHUNK_ROWS", 2)
        yield


def read(path: Path, content: bytes) -> list[list[object]] | str:
    """The row of headings and those below; or why the file is refused."""
    path.write_bytes(content)
    try:
        sheet = open_sheet(path, "book.csv", ReadingLimits())
        return [[*sheet.headings], *map(list, sheet.rows)]
    except FileRefusedError as refusal:
        return str(refusal)


def expected(text: str, separator: str = ",") -> list[list[str]] | str:
    """The same by the csv module, the rows below the headings padded to the length of the longest."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        return f"the file is not sound CSV: line {reader.line_num}: {error}"
    width = max(map(len, rows), default=0)
    while rows and is_blank(rows[0]):
        del rows[0]
    padded = [[*row, *[""] * (width - len(row))] for row in rows[1:]]
    return [*rows[:1], *padded] or "the file is empty: it has no headings"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@given(text=PLAIN, has_bom=st.booleans(), is_utf16=st.booleans())
@example(text="a\n\n\na,1", has_bom=False, is_utf16=False)
def test_plain_text_has_the_rows_that_the_csv_module_finds(end, path, text, has_bom, is_utf16):
    # A comma in the first line that is not blank makes the separator a comma.
    text = "a,,,,,,,,,\n" + text
    text = text.replace("\n", end)
    content = text.encode("utf-16") if is_utf16 else b"\xef\xbb\xbf" * has_bom + text.encode()
    assert read(path, content) == expected(text)


@given(text=ANY, has_bom=st.booleans())
@example(text='1,"a\n\r"', has_bom=False)
def test_any_text_has_the_rows_that_the_csv_module_finds(path, text, has_bom):
    found = read(path, b"\xef\xbb\xbf" * has_bom + text.encode())
    assert found == expected(text)


@given(
    rows=st.lists(st.lists(CELL, max_size=5), min_size=1, max_size=12),
    separator=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_rows_that_the_csv_module_has_written_are_read_as_they_were(path, rows, separator, end, quoting, encoding):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting).writerows([["Customer ID"], *rows])
    found = read(path, f"sep={separator}{end}{text.getvalue()}".encode(encoding))
    assert found == expected(text.getvalue(), separator)


@given(
    content=st.lists(
        st.sampled_from([b"a", b"\n", "é".encode(), "€".encode(), b"\xe2", b"\x80", b"\0"]), min_size=1
    ).map(b"".join)
)
def test_what_is_no_text_is_refused_with_the_line_it_stands_in(path, content):
    def is_sound(line: bytes) -> bool:
        return b"\0" not in line and line.decode(errors="ignore").encode() == line

    faults = [number for number, line in enumerate(content.split(b"\n"), 1) if not is_sound(line)]
    found = read(path, content)
    if faults:
        assert f"line {faults[0]} " in str(found)
    else:
        assert isinstance(found, list) or "no headings" in found


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("has_line", [False, True])
def test_separators_and_encodings_of_spreadsheets_are_read(path, separator, encoding, has_line):
    lines = [*([f"sep={separator}"] if has_line else []), separator.join(HEADING_ROW), separator.join(ROW)]
    rows = read(path, "\r\n".join(lines).encode(encoding))
    assert rows == [[*HEADING_ROW], [*ROW]]


def test_line_that_names_the_separator_is_no_row_of_the_sheet(path):
    path.write_text("sep=;\n\nCustomer ID;Age\n1;2\n")
    assert open_sheet(path, "book.csv", ReadingLimits()).heading_row == 2


def test_quote_that_is_missing_refuses_the_file_instead_of_taking_rows_into_a_field(path):
    content = b'a,b\n1,"Asha\n2,"Bina"\n3,Chitra\n'
    assert str(read(path, content)).startswith("the file is not sound CSV: line 3: ")
    assert str(read(path, b"sep=,\n" + content)).startswith("the file is not sound CSV: line 4: ")


def test_quote_that_is_never_closed_refuses_the_file(path):
    said = "the file is not sound CSV: line 40003: unexpected end of data"
    assert read(path, b"a,b\n" + b"1,Bina\n" * 40_000 + b'2,"Asha\n3,Chitra') == said


def test_quote_within_a_field_is_a_character_of_it(path):
    assert read(path, b'a,b\n1,5" pipe\n2,4" pipe\n') == [["a", "b"], ["1", '5" pipe'], ["2", '4" pipe']]


def test_heading_with_a_line_break_is_one_heading(path):
    assert read(path, b'"Customer\nID","Age"\n1,2,3\n') == [["Customer\nID", "Age"], ["1", "2", "3"]]


def test_row_with_line_breaks_has_the_fields_of_all_its_lines(path):
    assert read(path, b'a,b\n1,"x\ny",2,"z\n",3\n') == [["a", "b"], ["1", "x\ny", "2", "z\n", "3"]]


def test_second_byte_order_mark_is_no_part_of_the_first_heading(path):
    assert read(path, '\ufeff\ufeff"a,b",c\n1,2\n'.encode()) == [["a,b", "c"], ["1", "2"]]


def test_file_in_which_pandas_takes_rows_into_a_field_in_spite_of_all_is_refused(path):
    # It drops a byte order mark where its buffer begins, as long as the first line lasts, and sees a quote behind it.
    first_buffer = 3 * (b"b" * 87_380 + b",") + b","
    assert len(first_buffer) == 2**18
    content = first_buffer + '\ufeff"c\n1,2\n3,4"\n5,6\n'.encode()
    assert read(path, content) == "the file is not sound CSV: its rows can be read in two ways"


def test_reader_that_runs_out_of_memory_is_no_fault_of_the_file(path, monkeypatch):
    def read_csv(*_, **__):
        raise pd.errors.ParserError("Error tokenizing data. C error: out of memory")

    monkeypatch.setattr(pd, "read_csv", read_csv)
    with pytest.raises(MemoryError):
        read(path, b"a,b\n1,2\n")


@pytest.mark.parametrize("fault", [b"\xff", b"\0"])
def test_what_is_no_text_is_refused_however_far_down_it_stands(path, fault):
    content = b"a,b\r\n" * 40_000 + b"1," + fault + b"\r\n"
    assert "neither a workbook nor CSV in UTF-8 (line 40001 is not)" in str(read(path, content))


def test_field_without_end_is_a_field(path):
    assert read(path, b"a,b\n1," + b"x" * 2**20) == [["a", "b"], ["1", "x" * 2**20]]


def test_quoted_field_without_end_is_refused(path):
    assert "line 2: field larger than field limit" in str(read(path, b'a,b\n1,"' + b"x" * 2**18 + b'"\n'))
