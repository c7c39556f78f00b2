"""Tables that never cut a figure: where the terminal is too narrow, columns are left out, or each row takes lines."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

_MAX_WORD_CELLS = 16
"""Text is broken within words that are longer, and only within those."""

_WIDE_GAP, _NARROW_GAP = 2, 1


class ListTable:
    """Rows under columns, for a list.

    Args:
        columns: Names of the columns.
        right: Columns of figures: aligned to the right, never broken.
        whole: Columns of dates, ids and the like: never broken.
        spare: Columns to leave out where there is no room for them, the first of them first.
    """

    def __init__(
        self, *columns: str, right: Sequence[str] = (), whole: Sequence[str] = (), spare: Sequence[str] = ()
    ) -> None:
        self.columns = columns
        self.rows: list[tuple[Text, ...]] = []
        self._right, self._unbroken, self._spare = frozenset(right), frozenset((*right, *whole)), spare

    def add_row(self, *cells: str | Text) -> None:
        """Adds a row with a cell for each column."""
        if len(cells) != len(self.columns):
            raise ValueError(f"a row has {len(cells)} cells for {len(self.columns)} columns")
        self.rows.append(tuple(Text(cell) if isinstance(cell, str) else cell for cell in cells))

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Renders the table in the first of its forms that fits, as psql's expanded mode does with "auto"."""
        shown = list(range(len(self.columns)))
        needed = [self._cells_needed(column) for column in shown]
        for left_out in (None, *self._spare):
            if left_out is not None:
                shown.remove(self.columns.index(left_out))
            for gap in (_WIDE_GAP, _NARROW_GAP):
                room = options.max_width - (sum(needed[column] + gap for column in shown) - gap)
                if room >= 0:
                    yield self._table(shown, self._widths(shown, needed, room), gap)
                    return
        yield from self._records(options.max_width)

    def _cells_needed(self, column: int) -> int:
        """Width of a column below which a figure, a date or a word in it would be broken."""
        texts = [Text(self.columns[column]), *(row[column] for row in self.rows)]
        if self.columns[column] in self._unbroken:
            return max(text.cell_len for text in texts)
        words = (Text(word).cell_len for text in texts for word in text.plain.split())
        return min(max(words, default=0), _MAX_WORD_CELLS)

    def _widths(self, shown: Sequence[int], needed: Sequence[int], room: int) -> list[int]:
        """Widths of the columns: what each needs, and of the room that is left what the first of them would like."""
        widths = list(needed)
        for column in shown:
            cells = max(Text(self.columns[column]).cell_len, *(row[column].cell_len for row in self.rows), 0)
            more = min(room, max(0, cells - needed[column]))
            widths[column] += more
            room -= more
        return widths

    def _table(self, shown: Sequence[int], widths: Sequence[int], gap: int) -> Table:
        # A box has a divider of one cell between columns already.
        table = Table(
            box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False, padding=(0, gap - 1, 0, 0)
        )
        for column in shown:
            name = self.columns[column]
            table.add_column(
                name,
                justify="right" if name in self._right else "left",
                no_wrap=name in self._unbroken,
                overflow="fold",
                width=widths[column],
            )
        for row in self.rows:
            table.add_row(*(row[column] for column in shown))
        return table

    def _records(self, max_width: int) -> Iterator[RenderableType]:
        """Each row as lines of a name and a value; what is too long to stand beside its name stands below it."""
        value_cells = max_width - max(Text(name).cell_len for name in self.columns) - 1
        for row in self.rows:
            record = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
            record.add_column(style="dim", no_wrap=True)
            record.add_column(overflow="fold")
            for name, value in zip(self.columns, row, strict=True):
                if name in self._unbroken and value.cell_len > value_cells:
                    yield Text(name, "dim")
                    yield value
                elif value.plain:
                    record.add_row(name, value)
            yield record
            yield Rule(style="dim")
