"""What all plots share: colours, fonts, axes with their units.

Plots are drawn from binary floating point, which is exact enough for the height of a bar. What is to be read of an
amount is text, exact, beside it.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from plotly.graph_objects import Bar, Figure

from almeno_client.formatting import count, month
from almeno_client.reports.tables import ScoreGroup

INK, FAINT, LINE = "#1c2733", "#5d6b7a", "#dfe5ec"
# Distinguishable for colour-blind readers, and in print.
BEFORE, AFTER = "#a3b1c2", "#1d4e89"
APPROVED, DECLINED = "#2a8c7f", "#d1603d"
ONE = "#3a6ea5"
REPAID = "#c9d6e5"
CLASSES = ("#3a6ea5", "#f0c24b", "#e8903a", "#cf5036", "#8f1d2c")
OTHER = "#b6c0cb"
REASONS = ("#8f1d2c", "#d1603d", "#e9b44c", "#5b8e9e", "#7d6b91", "#9aa5b1")

_HEIGHT_PIXELS = 380
_MAX_MONTH_LABELS = 6
_MAX_YEAR_LABELS = 6
# Of the plots of scores, the same on every page.
SCORES_A_BAR = 5
SCORES_PIXELS = 520


def styled(figure: Figure, *, across: str, up: str, height_pixels: int = _HEIGHT_PIXELS) -> Figure:
    """Puts a figure into the house style, and names what its axes measure."""
    figure.update_layout(
        height=height_pixels,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        font={"family": '"Segoe UI", system-ui, "Helvetica Neue", Arial, sans-serif', "size": 13, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "xanchor": "left",
            "yanchor": "bottom",
            "traceorder": "normal",
            "itemsizing": "constant",
        },
        hoverlabel={"bgcolor": "white", "bordercolor": LINE, "font": {"color": INK}},
        bargap=0.18,
        bargroupgap=0.04,
        dragmode=False,
    )
    axis = {"automargin": True, "zeroline": False, "linecolor": LINE, "tickcolor": LINE, "fixedrange": True}
    title = {"font": {"size": 13, "color": FAINT}, "standoff": 10}
    figure.update_xaxes(**axis, showgrid=False, title={"text": across, **title})
    figure.update_yaxes(**axis, gridcolor=LINE, title={"text": up, **title})
    return figure


def with_horizontal_grid(figure: Figure) -> Figure:
    """Lays out the grid of a figure of horizontal bars: the first bar on top."""
    figure.update_xaxes(showgrid=True, gridcolor=LINE)
    figure.update_yaxes(showgrid=False, autorange="reversed")
    return figure


def count_ticks(max_count: int, max_ticks: int = 6) -> dict[str, Any]:
    """The ticks of an axis of whole things, from 0 to beyond the largest: never at a half, in the Indian grouping."""
    steps = (factor * 10**power for power in range(20) for factor in (1, 2, 5))
    step = next(step for step in steps if step * (max_ticks - 1) >= max_count)
    places = range(0, max_count + step, step)
    return {"tickvals": list(places), "ticktext": [count(place) for place in places], "rangemode": "tozero"}


def month_ticks(months: Iterable[tuple[int, int]]) -> dict[str, Any]:
    """The ticks of an axis of months by name, in two lines: those that a telephone has room for, and the last."""
    names = [month(*each) for each in months]
    step = -(-len(names) // _MAX_MONTH_LABELS) or 1
    shown = names[::-1][::step][::-1]
    texts = [name.replace(" ", "<br>") for name in shown]
    return {"type": "category", "tickvals": shown, "ticktext": texts, "tickangle": 0}


def year_ticks(first: int, last: int) -> dict[str, Any]:
    """The ticks of an axis of years, on which those without a bar have their place too: few, as of months."""
    return {"type": "linear", "dtick": -(-(last - first + 1) // _MAX_YEAR_LABELS), "tickangle": 0}


def bars(
    name: str,
    categories: Sequence[str],
    heights: Sequence[float],
    hover_texts: Sequence[str],
    colour: str | Sequence[str],
) -> Bar:
    """Vertical bars by category, each with its hover text."""
    return Bar(
        name=name,
        x=list(categories),
        y=list(heights),
        customdata=list(hover_texts),
        hovertemplate="%{x}<br>%{customdata}<extra></extra>",
        marker={"color": colour if isinstance(colour, str) else list(colour)},
    )


def horizontal_bars(
    name: str,
    categories: Sequence[str],
    lengths: Sequence[float],
    hover_texts: Sequence[str],
    colour: str | Sequence[str],
) -> Bar:
    """Horizontal bars by category, for categories with long names."""
    return Bar(
        name=name,
        orientation="h",
        y=list(categories),
        x=list(lengths),
        customdata=list(hover_texts),
        hovertemplate="%{y}<br>%{customdata}<extra></extra>",
        marker={"color": colour if isinstance(colour, str) else list(colour)},
    )


def score_bars(name: str, groups: Sequence[ScoreGroup], colour: str) -> Bar:
    """Customers by score, each bar where its scores lie on an axis from 0 to 100; those with 0 to the left of it."""
    hover_texts = [f"{name}, score {group.name}: {count(group.customers)} customers" for group in groups]
    width = groups[-1].last - groups[-1].first + 1
    return Bar(
        name=name,
        x=[group.last - width / 2 for group in groups],
        y=[group.customers for group in groups],
        customdata=hover_texts,
        hovertemplate="%{customdata}<extra></extra>",
        marker={"color": colour},
    )


def score_axis(figure: Figure, groups: Sequence[ScoreGroup]) -> Figure:
    """Marks the scores on the axis of a figure of `score_bars`: every ten, and 0 under its own bar."""
    width = groups[-1].last - groups[-1].first + 1
    tens = list(range(10, 101, 10))
    figure.update_layout(bargap=0.08)
    return figure.update_xaxes(
        range=[-width, 103], tickvals=[-width / 2, *tens], ticktext=["0", *map(str, tens)], ticks="outside"
    )


def scaled(amount: Decimal, unit: int) -> float:
    """An amount in a unit, as the binary floating point number that is drawn."""
    return float(amount / unit)
