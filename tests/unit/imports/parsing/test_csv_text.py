"""CSV files: their rows are those that the csv module finds, whatever their separator and encoding."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from almeno_grpc.domain.headings import HEADINGS
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing.sheets import is_blank, open_sheet
from almeno_grpc.imports.sandbox.messages import ReadingLimits

PLAIN = st.text(st.sampled_from("a019,; -+_\t\x0b\x0c\x1c\x85\u2028٣é€😀\n"), min_size=1, max_size=60)
ANY = st.text(st.sampled_from('a1,\n\r" é'), min_size=1, max_size=40)
HEADING_ROW = HEADINGS[ImportKind.CUSTOMERS]
ROW = ["7", "Asha", "Rao", "41", "9876543210", "50000", "1800000"]


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sheets") / "book.csv"


def read(path: Path, content: bytes) -> list[list[object]] | str:
    """The row of headings and those below; or why the file is refused."""
    path.write_bytes(content)
    try:
        sheet = open_sheet(path, "book.csv", ReadingLimits())
        return [[*sheet.headings], *map(list, sheet.rows)]
    except FileRefusedError as refusal:
        return str(refusal)


def expected(text: str) -> list[list[str]] | str:
    """The same by the csv module."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        return f"the file is not sound CSV: line {reader.line_num}: {error}"
    while rows and is_blank(rows[0]):
        del rows[0]
    return rows or "the file is empty: it has no headings"


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


@pytest.mark.parametrize(("fault", "said"), [(b"\xff", "(line 40001 is not)"), (b"\0", "line 40001 holds a NUL")])
def test_what_is_no_text_is_refused_however_far_down_it_stands(path, fault, said):
    assert said in str(read(path, b"a,b\r\n" * 40_000 + b"1," + fault + b"\r\n"))


def test_field_without_end_is_refused(path):
    assert "field larger than field limit" in str(read(path, b"a,b\n1," + b"x" * 2**18))
