"""What a file said of customers in the tables before, where it is read as several."""

from bisect import bisect_right
from collections.abc import Container, Sequence
from typing import Any

from almeno_grpc.imports.parsing.columns import Values
from almeno_grpc.imports.parsing.short_cells import Numbers

FirstRows = dict[tuple[Any, ...], tuple[int, tuple[Any, ...]]]
"""The number and the values of the first good row with a key."""


class EarlierRows:
    """The good rows of the tables so far, by their first column, which is their key."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        """Where in the file each key stands first."""
        self._starts: list[int] = []
        self._tables: list[tuple[Numbers, Sequence[Values]]] = []
        self._length = 0

    def first_rows(self, keys: Numbers) -> FirstRows:
        """Those with any of the keys."""
        return {(key,): self._row(self._places[key]) for key in self._places.keys() & keys.tolist()}

    def extend(self, row_numbers: Numbers, columns: Sequence[Values], rejected: Container[int]) -> None:
        """Takes the rows of the next table, but for the rejected places."""
        for place, key in enumerate(columns[0].tolist()):
            if place not in rejected:
                self._places.setdefault(key, self._length + place)
        self._starts.append(self._length)
        self._tables.append((row_numbers, columns))
        self._length += len(row_numbers)

    def _row(self, place: int) -> tuple[int, tuple[Any, ...]]:
        number = bisect_right(self._starts, place) - 1
        row_numbers, columns = self._tables[number]
        place -= self._starts[number]
        return int(row_numbers[place]), tuple(column[place] for column in columns)
