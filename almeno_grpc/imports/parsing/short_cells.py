"""Cells of a CSV file as words of eight bytes, so that a whole column of them is read at once."""

import csv
import secrets
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]

_WORD_BYTES = 8
_MAX_BYTES = 2 * _WORD_BYTES
"""Of a short cell. A whole number of so many digits fits into 64 bits."""
_MAX_WIDTH = 64
"""Columns of a sheet that is cut up: each takes its time, and few of more are ever asked for."""
_COMMA, _NEWLINE = b",\n"
_WORD = np.dtype("<u8")
"""The first byte of a word counts least, on every machine."""
_ENDS = np.array([2**64 - 2 ** (64 - 8 * kept) for kept in range(_WORD_BYTES + 1)], dtype=np.uint64)
"""Keeps so many bytes at the end of a word."""
_DIGIT_ZERO = np.uint64(0x3030303030303030)
_HIGH_HALVES = np.uint64(0xF0F0F0F0F0F0F0F0)
_SIX = np.uint64(0x0606060606060606)
_SALT = np.uint64(secrets.randbits(64) | 1)
_UNSALT = np.uint64(pow(int(_SALT), -1, 2**64))
"""Undoes the multiplication by the salt."""
_POWERS_OF_TEN = np.array([10**power for power in range(_MAX_BYTES)], dtype=np.int64)


def packed(numbers: Numbers) -> "array[int]":
    """The numbers as an array that crosses a pipe in one piece, to where no numpy is."""
    return array("q", numbers.tobytes())


def factorized(words: Words) -> tuple[npt.NDArray[np.intp], Words]:
    """For each word which of those that differ it is, and these."""
    # The sender of a file, who knows how pandas finds a place for a number, could write all of his for one place.
    codes, salted = pd.factorize(words * _SALT)
    return codes, salted * _UNSALT


class ShortCells(Sequence[str]):
    """Texts of at most 16 bytes in UTF-8 without NUL characters."""

    def __init__(self, first: Words, second: Words) -> None:
        """Takes the two words of each cell, which fills their end."""
        self.first = first
        self.second = second

    def __len__(self) -> int:
        return len(self.second)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return _texts(self.first[place], self.second[place])
        return _texts(self.first[[place]], self.second[[place]])[0]

    def __iter__(self) -> Iterator[str]:
        codes, distinct = self.each_once()
        return map(distinct.__getitem__, codes.tolist())

    def each_once(self) -> tuple[npt.NDArray[np.intp], list[str]]:
        """The texts that differ, and for each place which of them it is."""
        codes, seconds = factorized(self.second)
        if not self.first.any():
            return codes, _texts(np.zeros_like(seconds), seconds)
        first_codes, firsts = factorized(self.first)
        codes, pairs = pd.factorize(first_codes * len(seconds) + codes)
        of_first, of_second = np.divmod(pairs, len(seconds))
        return codes, _texts(firsts[of_first], seconds[of_second])

    @staticmethod
    def joined(parts: "Sequence[ShortCells]") -> "ShortCells":
        """The cells of all parts, in order."""
        return ShortCells(
            np.concatenate([part.first for part in parts]), np.concatenate([part.second for part in parts])
        )


def cut_up(lines: bytes, width: int) -> list[Sequence[object]]:
    r"""The columns of lines that end in \n, or all in \r\n.

    None of a wide sheet, or where a line has fewer or more fields, or one of any length.
    """
    if width > _MAX_WIDTH:
        return []
    text = _CutText(lines)
    ends = np.flatnonzero((text.characters == _COMMA) | (text.characters == _NEWLINE))
    rows = lines.count(b"\n")
    if not rows or len(ends) != rows * width or np.any(text.characters[ends[width - 1 :: width]] != _NEWLINE):
        return []
    lengths = np.diff(ends, prepend=-1) - 1
    if lines.endswith(b"\r\n"):
        ends[width - 1 :: width] -= 1
        lengths[width - 1 :: width] -= 1
    longest = lengths.reshape(rows, width).max(axis=0)
    if longest.max() > csv.field_size_limit():
        return []
    cells = lines.decode().replace("\r", "").replace("\n", ",").split(",") if longest.max() > _MAX_BYTES else []
    return [
        cells[place:-1:width] if longest[place] > _MAX_BYTES else text.cells(ends[place::width], lengths[place::width])
        for place in range(width)
    ]


class _CutText:
    """A text in UTF-8 whose cells are taken by where they end."""

    def __init__(self, text: bytes) -> None:
        """Lays words over the text."""
        # Two words in front of the first cell, which may be shorter than that.
        padded = bytes(_MAX_BYTES) + text
        self.characters: npt.NDArray[np.uint8] = np.frombuffer(padded, dtype=np.uint8)[_MAX_BYTES:]
        # A word begins at every byte.
        self._words: Words = np.ndarray(len(padded) - _WORD_BYTES + 1, dtype=_WORD, buffer=padded, strides=(1,))

    def cells(self, ends: Numbers, lengths: Numbers) -> "array[int] | ShortCells":
        """Cells of at most 16 bytes: the numbers, if each is written in digits as that number is; else the texts.

        Args:
            ends: The places behind their last bytes.
            lengths: Their numbers of bytes.
        """
        kept = [np.minimum(lengths, _WORD_BYTES)]
        words = [self._words[ends + _WORD_BYTES] & _ENDS[kept[0]]]
        if lengths.max() > _WORD_BYTES:
            kept.insert(0, np.maximum(lengths - _WORD_BYTES, 0))
            words.insert(0, self._words[ends] & _ENDS[kept[0]])
        numbers = _numbers_in(words, kept, lengths)
        if numbers is not None:
            return packed(numbers)
        return ShortCells(words[0] if len(words) > 1 else np.zeros_like(words[0]), words[-1])


def _numbers_in(words: Sequence[Words], kept: Sequence[Numbers], lengths: Numbers) -> Numbers | None:
    """The whole numbers that are written there in digits, without a zero in front; none if one cell holds no such."""
    if not lengths.min():
        return None
    numbers = np.zeros(len(lengths), dtype=np.uint64)
    # Of a digit the figure it stands for is left: the upper half of its byte is empty, and stays so with six more.
    figures = [word ^ (_DIGIT_ZERO & _ENDS[bytes_kept]) for word, bytes_kept in zip(words, kept, strict=True)]
    if any(np.any((eight | (eight + _SIX)) & _HIGH_HALVES) for eight in figures):
        return None
    for eight in figures:
        numbers = numbers * np.uint64(10**_WORD_BYTES) + _number_of(eight)
    whole: Numbers = numbers.astype(np.int64)
    return whole if np.all((whole >= _POWERS_OF_TEN[lengths - 1]) | (lengths == 1)) else None


def _number_of(figures: Words) -> Words:
    """The number of eight figures, a byte each: neighbours become pairs, these fours, and these all eight."""
    pairs = (figures * np.uint64(10) + (figures >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    fours = (pairs * np.uint64(100) + (pairs >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return (fours * np.uint64(10_000) + (fours >> np.uint64(32))) & np.uint64(0xFFFFFFFF)


def _texts(first: Words, second: Words) -> list[str]:
    words = np.column_stack([first, second]).astype(_WORD)
    return [cell.lstrip(b"\0").decode() for cell in words.view(f"S{_MAX_BYTES}").ravel().tolist()]
