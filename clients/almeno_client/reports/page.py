"""A self-contained page of HTML: key figures at the top, then plots, each with its table beside it."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

from almeno_client.files import PAGE_MARK
from almeno_client.reports.tables import TextTable

# What a browser must not do when it opens the page: fetch anything from anywhere. Pictures of plots are of the page.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
# A plot has the width of the window that it was drawn in; on paper it has that of its column in page.css.
_PRINT_SCRIPT = """
const fonts = (layout, size) => Object.fromEntries([
  "font",
  ...Object.keys(layout).filter((key) => /^[xy]axis/.test(key)).map((axis) => `${axis}.title.font`),
  ...(layout.annotations || []).map((_, index) => `annotations[${index}].font`),
].map((font) => [`${font}.size`, size]));
const drawn = () => document.querySelectorAll(".js-plotly-plot");
addEventListener("beforeprint", () => drawn().forEach((plot) => {
  const wide = plot.closest(".below");
  plot.heightOnScreen = plot.layout.height;
  const height = Math.max(165, Math.round(plot.layout.height * 0.46));
  plot.parentElement.style.height = `${height}px`;
  Plotly.relayout(plot, { width: wide ? 360 : 520, height, ...fonts(plot.layout, 10) });
}));
addEventListener("afterprint", () => drawn().forEach((plot) => {
  plot.parentElement.style.height = `${plot.heightOnScreen}px`;
  Plotly.relayout(plot, { width: null, height: plot.heightOnScreen, autosize: true, ...fonts(plot.layout, 13) });
}));
"""
_MAX_ROWS_A_SHEET = 24
# On paper a table of as many rows goes on in a second column, where there is room for one.
_MIN_ROWS_IN_COLUMNS = 8
_MIN_ROWS_IN_COLUMNS_BESIDE = 16
_MAX_COLUMNS_BESIDE = 4
_HYPHENS = set("-–")
_HASH_CHARACTERS = 64
_UNBROKEN = " unbroken"
_PLOT_OPTIONS = {"displaylogo": False, "displayModeBar": False, "responsive": True}


@dataclass(frozen=True, slots=True)
class Tile:
    """One key figure at the top of a page."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A plot with its tables beside it.

    Attributes:
        title: What it is about.
        lead: What it shows, in a sentence or two.
        plot: The plot; none where there is nothing to draw, as the lead then says.
        tables: The same values as text.
        wide: Whether the tables stand below the plot, for they need its width.
        figures: What the files beside the page have instead, where the tables show a part; the tables where None.
    """

    title: str
    lead: str
    plot: Figure | None
    tables: tuple[TextTable, ...]
    wide: bool = False
    figures: tuple[TextTable, ...] | None = None


def tables_of(sections: Iterable[Section]) -> list[TextTable]:
    """The figures of a page: every table, whole."""
    return [table for section in sections for table in (section.tables if section.figures is None else section.figures)]


def page(title: str, subtitle: str, tiles: Iterable[Tile], sections: Iterable[Section]) -> str:
    """Writes a page of HTML."""
    style = files("almeno_client.reports").joinpath("page.css").read_text(encoding="utf-8")
    shown = list(sections)
    parts = [_section(number, section) for number, section in enumerate(shown, 1)]
    # Five megabytes, which a page without plots need not carry.
    has_plots = any(section.plot is not None for section in shown)
    script = f"<script>{get_plotlyjs()}</script>\n<script>{_PRINT_SCRIPT}</script>" if has_plots else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{PAGE_MARK}
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{style}</style>
{script}
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p>{escape(subtitle)}</p>
</header>
<main>
<dl class="tiles">
{"".join(map(_tile, tiles))}</dl>
{"".join(parts)}</main>
</body>
</html>
"""


def _tile(tile: Tile) -> str:
    note = f'<dd class="note">{escape(tile.note)}</dd>' if tile.note else ""
    return f"<div><dt>{escape(tile.name)}</dt><dd>{escape(tile.value)}</dd>{note}</div>\n"


def _section(number: int, section: Section) -> str:
    tables = "".join(_table(table) for table in section.tables if table.rows)
    plot = ""
    if section.plot is not None:
        drawing = section.plot.to_html(
            full_html=False, include_plotlyjs=False, config=_PLOT_OPTIONS, div_id=f"plot-{number}"
        )
        label = escape(f"{section.title}. {section.lead} The table has the same values.")
        plot = f'<div class="plot" role="img" aria-label="{label}">{drawing}</div>'
    layout = "below alone" if section.plot is None else "below" if section.wide else "beside"
    # The tables come first, for a plot takes the width that they leave at the moment when it is drawn.
    rows = max((len(table.rows) for table in section.tables), default=0)
    # Longer than a sheet of paper: it may go on on the next.
    kind = ' class="long"' if rows > _MAX_ROWS_A_SHEET else ""
    return f"""<section{kind}>
<h2>{escape(section.title)}</h2>
<p>{escape(section.lead)}</p>
<div class="{layout}">
<div class="tables{" halves" if _has_halves(section) else ""}">{tables}</div>
{plot}
</div>
</section>
"""


def _has_halves(section: Section) -> bool:
    """Whether the table of a section is printed in two columns: alone it has the sheet, beside a plot half of it."""
    if len(section.tables) != 1:
        return False
    (table,) = section.tables
    if section.plot is None:
        return len(table.rows) >= _MIN_ROWS_IN_COLUMNS
    is_narrow = len(table.columns) <= _MAX_COLUMNS_BESIDE and all(map(table.is_numeric, table.columns[1:]))
    return is_narrow and not section.wide and len(table.rows) >= _MIN_ROWS_IN_COLUMNS_BESIDE


def _heading(column: str) -> str:
    """The heading of a column, which breaks at spaces alone: never after the hyphen of SMA-0."""
    return " ".join(
        f"<span>{escape(word)}</span>" if _HYPHENS & set(word) else escape(word) for word in column.split(" ")
    )


def _table(table: TextTable) -> str:
    kinds = ["number" if table.is_numeric(column) else "text" for column in table.columns]
    head = "".join(
        f'<th scope="col" class="{kind}">{_heading(column)}</th>'
        for kind, column in zip(kinds, table.columns, strict=True)
    )
    rows = "".join(_row(kinds, row) for row in table.rows)
    totals = "".join(_row(kinds, row) for row in table.totals)
    foot = f"<tfoot>{totals}</tfoot>" if totals else ""
    caption = f"<caption>{escape(table.title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>{foot}</table>"


def _row(kinds: list[str], row: tuple[str, ...]) -> str:
    first, *rest = row
    cells = "".join(
        f'<td class="{kind}{_UNBROKEN if len(cell) == _HASH_CHARACTERS else ""}">{escape(cell)}</td>'
        for kind, cell in zip(kinds[1:], rest, strict=True)
    )
    return f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
