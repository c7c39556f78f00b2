"""The rows of CSV files: cut up in one go where that can be, they are those that the csv module finds."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from almeno_grpc.imports import containers, plain_rows, sheets
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing.workbooks import open_rows
from almeno_grpc.imports.sandbox.messages import ReadingLimits

PLAIN = st.text(st.sampled_from("a019,;\n -+_\t\x0b\x0c\x1c\x85\u2028٣é€😀"), min_size=1, max_size=60)
ANY = st.text(st.sampled_from('a1,\n\r" é'), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sheets") / "book.csv"


@pytest.fixture(autouse=True)
def in_small_pieces(monkeypatch):
    monkeypatch.setattr(containers, "_CHUNK_BYTES", 3)
    monkeypatch.setattr(plain_rows, "_PIECE_BYTES", 7)
    monkeypatch.setattr(sheets, "PIECE_ROWS", 2)
    monkeypatch.setattr(plain_rows, "PIECE_ROWS", 2)


def read(path: Path, content: bytes, width: int, first_rows: int) -> list[list[object]] | str:
    """Rows of the file, the first ones asked for one by one; or why it is refused."""
    path.write_bytes(content)
    try:
        rows = open_rows(path, "book.csv", ReadingLimits())()
        found = [list(row) for _ in range(first_rows) if (row := rows.next_row()) is not None]
        while columns := rows.next_columns(width):
            found += map(list, zip(*([str(cell) for cell in column] for column in columns), strict=True))
    except FileRefusedError as refusal:
        return refusal.message
    return found


def expected(content: bytes, width: int, first_rows: int) -> list[list[str]] | str:
    """The same by the csv module."""
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        return f"the file is not sound CSV: line {reader.line_num}: {error}"
    return [row if place < first_rows else [*row, *[""] * (width - len(row))] for place, row in enumerate(rows)]


def without_fill(rows: list[list[object]] | str, width: int) -> list[list[object]] | str:
    """Rows without the empty fields beyond the width: how many there are depends on the longest row of a piece."""
    if isinstance(rows, str):
        return rows
    return [[cell for place, cell in enumerate(row) if place < width or cell] for row in rows]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@given(text=PLAIN, has_bom=st.booleans(), width=st.integers(1, 4), first_rows=st.integers(0, 3))
def test_plain_text_has_the_rows_that_the_csv_module_finds(end, path, text, has_bom, width, first_rows):
    content = b"\xef\xbb\xbf" * has_bom + text.encode().replace(b"\n", end)
    found = read(path, content, width, first_rows)
    assert without_fill(found, width) == without_fill(expected(content, width, first_rows), width)


@given(text=ANY, has_bom=st.booleans(), width=st.integers(1, 4), first_rows=st.integers(0, 3))
def test_any_text_has_the_rows_that_the_csv_module_finds(path, text, has_bom, width, first_rows):
    content = b"\xef\xbb\xbf" * has_bom + text.encode()
    found = read(path, content, width, first_rows)
    assert without_fill(found, width) == without_fill(expected(content, width, first_rows), width)


@given(
    content=st.lists(
        st.sampled_from([b"a", b"\n", "é".encode(), "€".encode(), b"\xe2", b"\x80", b"\0"]), min_size=1
    ).map(b"".join)
)
def test_what_is_no_text_is_refused_with_the_line_it_stands_in(path, content):
    def is_sound(line: bytes) -> bool:
        return b"\0" not in line and line.decode(errors="ignore").encode() == line

    faults = [number for number, line in enumerate(content.split(b"\n"), 1) if not is_sound(line)]
    found = read(path, content, 1, 0)
    if faults:
        assert f"line {faults[0]} " in str(found)
    else:
        assert isinstance(found, list)


@given(text=st.one_of(PLAIN, ANY), has_bom=st.booleans(), width=st.integers(1, 4))
@example(text="a\nb\n", has_bom=True, width=1)
@example(text="1,\n2", has_bom=False, width=2)
def test_rows_that_are_known_to_be_sound_are_as_many_and_each_begins_with_something(path, text, has_bom, width):
    content = b"\xef\xbb\xbf" * has_bom + text.encode()
    path.write_bytes(content)
    sound_rows = sound_rows_of(path)
    begins_well = all(re.match("[0-9a-zA-Z]", line) for line in text.removesuffix("\n").split("\n"))
    assert (sound_rows is not None) == (begins_well and '"' not in text and text.count("\r") == text.count("\r\n"))
    if sound_rows is not None:
        found = read(path, content, width, 0)
        assert len(found) == sound_rows
        assert all(row[0] for row in found)


def sound_rows_of(path: Path) -> int | None:
    try:
        return open_rows(path, "book.csv", ReadingLimits())().sound_rows
    except FileRefusedError:
        return None


@pytest.mark.parametrize("line_bytes", [999, 1_000])
@pytest.mark.parametrize("chunk_bytes", [3, 1_500, 2**17])
def test_line_that_could_hold_too_many_fields_is_not_known_to_be_sound(path, monkeypatch, line_bytes, chunk_bytes):
    monkeypatch.setattr(containers, "_CHUNK_BYTES", chunk_bytes)
    path.write_bytes(b"1\n" + b"1" + b"," * (line_bytes - 1) + b"\n1\n")
    assert sound_rows_of(path) == (3 if line_bytes == 999 else None)
    assert isinstance(read(path, path.read_bytes(), 1, 0), list)


def test_plain_rows_are_cut_up_without_the_csv_module(path, monkeypatch):
    def parse(*_args, **_options):
        raise AssertionError("the csv module was asked")

    monkeypatch.setattr(plain_rows, "parsed", parse)
    assert read(path, b"a,b\r\n1,2\r\n3,\r\n", 2, 0) == [["a", "b"], ["1", "2"], ["3", ""]]


@pytest.mark.parametrize("first_rows", [0, 2])
def test_line_of_a_fault_is_counted_from_the_top(path, first_rows):
    content = b"a,b\n" * 4 + b"x" * (csv.field_size_limit() + 1) + b",b\n"
    assert str(read(path, content, 2, first_rows)).startswith("the file is not sound CSV: line 5: field larger")
    content = b"a,b\n" * 6 + b"," * 1_000 + b"\n"
    assert read(path, content, 2, first_rows) == "line 7 of the file has more than 1,000 fields"


def test_file_of_ends_of_lines_alone_is_looked_through_once(path, monkeypatch):
    monkeypatch.setattr(containers, "_CHUNK_BYTES", 2**17)
    looked_at = []
    decoder = containers.codecs.getincrementaldecoder("utf-8")

    class Decoder(decoder):
        def decode(self, chunk, final=False):
            looked_at.append(len(chunk))
            return super().decode(chunk, final)

    monkeypatch.setattr(containers.codecs, "getincrementaldecoder", lambda _: Decoder)
    path.write_bytes(b"\r" * 2**19)
    assert containers.check_text(path).is_plain is False
    assert max(looked_at) <= 2**17 + 1


def test_piece_of_short_lines_has_no_more_rows_than_others(path):
    path.write_bytes(b"a,b\n" + b"\n" * 50)
    rows = open_rows(path, "book.csv", ReadingLimits())()
    assert rows.next_row() == ["a", "b"]
    while columns := rows.next_columns(900):
        assert len(columns[0]) <= plain_rows.PIECE_ROWS
