"""Lines cut into columns: numbers where every cell is one as it is written, else the texts, else nothing."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.imports import short_cells
from almeno_grpc.imports.parsing.short_cells import ShortCells, cut_up

DIGITS = st.one_of(st.integers(0, 10**17).map(str), st.text(st.sampled_from("0123456789"), min_size=1, max_size=17))
NEAR_DIGITS = st.text(st.sampled_from("0459/:?@-+. p\x10"), max_size=17)
ANY = st.text(st.characters(exclude_characters='\0\r\n",', exclude_categories=["Cs"]), max_size=20)
COLUMN = st.sampled_from([DIGITS, NEAR_DIGITS, ANY, st.one_of(DIGITS, NEAR_DIGITS)])


def columns_of(rows: list[tuple[str, ...]], end: str = "\n") -> list:
    return cut_up("".join(",".join(row) + end for row in rows).encode(), len(rows[0]))


@st.composite
def tables(draw) -> list[tuple[str, ...]]:
    kinds = draw(st.lists(COLUMN, min_size=1, max_size=3))
    return draw(st.lists(st.tuples(*kinds), min_size=1, max_size=6))


@given(tables(), st.sampled_from(["\n", "\r\n"]))
def test_columns_hold_the_cells_of_the_lines(rows, end):
    columns = columns_of(rows, end)
    assert [list(map(str, column)) for column in columns] == [list(cells) for cells in zip(*rows, strict=True)]
    for column in columns:
        if isinstance(column, ShortCells):
            codes, distinct = column.each_once()
            assert [distinct[code] for code in codes] == list(column)
            assert len(distinct) == len(set(column))


@pytest.mark.parametrize(
    ("cells", "are_numbers"),
    [
        (["0", "9", "10", "1234567890123456"], True),
        (["99999999", "100000000", "9999999999999999"], True),
        (["12345678901234567"], False),
        (["1", "007"], False),
        (["10", "00"], False),
        (["1", ""], False),
        (["1", "-1"], False),
        (["1", "+1"], False),
        (["1", " 1"], False),
        (["1", ":"], False),
        (["1", "/"], False),
        (["1", "?0000000"], False),
        (["123456789", ":23456789"], False),
        (["1", "p"], False),
        (["1", "٣"], False),
    ],
)
def test_column_is_of_numbers_where_each_cell_is_one_as_it_is_written(cells, are_numbers):
    [column] = columns_of([(cell,) for cell in cells])
    assert isinstance(column, array) == are_numbers
    assert list(map(str, column)) == cells


def test_texts_of_two_words_differ_where_either_word_does():
    cells = ["2024-01-31", "2023-01-31", "2024-01-30", "2024-01-31", "-01-31", "2024-01-30"]
    codes, distinct = columns_of([(cell,) for cell in cells])[0].each_once()
    assert distinct == ["2024-01-31", "2023-01-31", "2024-01-30", "-01-31"]
    assert codes.tolist() == [0, 1, 2, 0, 3, 2]


def test_wide_sheet_is_not_cut_up():
    assert len(cut_up(b"1," * 63 + b"1\n", 64)) == 64
    assert cut_up(b"1," * 64 + b"1\n", 65) == []


def test_what_a_text_is_found_by_is_not_known_beforehand(monkeypatch):
    asked = []
    factorize = short_cells.pd.factorize

    def note(numbers):
        asked.append(numbers.tolist())
        return factorize(numbers)

    monkeypatch.setattr(short_cells.pd, "factorize", note)
    [column] = columns_of([("Asha",), ("Ravi",)])
    assert column.each_once()[1] == ["Asha", "Ravi"]
    assert not {*asked[0]} & {*column.second.tolist()}


@pytest.mark.parametrize("lines", [b"", b"a,b\nc\nd,e,f\n", b"a\nb,c\n", b"a,b,c\nd\n", b"a,b\nc,d,\n", b"\n\n"])
def test_lines_of_other_widths_are_not_cut_up(lines):
    assert cut_up(lines, 2) == []
