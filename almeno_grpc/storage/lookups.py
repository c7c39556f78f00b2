"""Looking up many keys at once, whatever their number."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

K = TypeVar("K")

_MOST_KEYS = 5_000
"""In one statement. Databases bound the parameters of a statement: SQLite at 32,766, PostgreSQL at 65,535; a key may
take two."""


def in_pieces(keys: Iterable[K]) -> Iterator[list[K]]:
    """Yields all keys, as lists that fit into one statement each."""
    rest = iter(keys)
    while piece := list(islice(rest, _MOST_KEYS)):
        yield piece
