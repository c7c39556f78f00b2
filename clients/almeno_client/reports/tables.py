"""Tables of text, the same for the terminal and for a page."""

from collections.abc import Iterable
from dataclasses import dataclass

from almeno_client.portfolio_records import ScoreCount

_TOP_SCORE = 100
PROVENANCE = "provenance"
"""What the table of a page's provenance, and its file, are called."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table with a title; its first column is text, the others are numbers unless named in `text_columns`.

    Attributes:
        totals: Rows that add up the others.
        name: What its file is called, without the ending; made of the title where it is empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: tuple[str, ...] = ()
    totals: tuple[tuple[str, ...], ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in (*self.rows, *self.totals)):
            raise ValueError(f"a row of {self.title!r} has not {len(self.columns)} cells")

    def is_numeric(self, column: str) -> bool:
        """Whether a column holds numbers."""
        return column != self.columns[0] and column not in self.text_columns


@dataclass(frozen=True, slots=True)
class ScoreGroup:
    """The scores from one to another, both inclusive, and how many customers have one of them."""

    first: int
    last: int
    customers: int

    @property
    def name(self) -> str:
        """The scores as text: 0, or 41–50."""
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"


def score_groups(scores: Iterable[ScoreCount], width: int) -> tuple[ScoreGroup, ...]:
    """Groups customers by score: 0 by itself, for it is what debt above the limit gives, then `width` scores each."""
    customers = {score.credit_score: score.customers for score in scores}
    bounds = [(0, 0), *((first, first + width - 1) for first in range(1, _TOP_SCORE + 1, width))]
    return tuple(
        ScoreGroup(first, last, sum(customers.get(score, 0) for score in range(first, last + 1)))
        for first, last in bounds
    )
