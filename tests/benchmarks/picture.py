"""The figures as a picture: throughput against connections, and what a check costs against the size of the book."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from benchmarks.measuring import CONNECTIONS, Point, Results
from benchmarks.operations import BOOK, CHECK
from benchmarks.targets import EMPTY
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.use("agg")

_COLORS = ("tab:blue", "tab:red", "tab:green")
_STYLES = ("-", "--")
"""Of the databases, on both sides."""


def draw(
    path: Path, results: Results, databases: list[str], machine: dict[str, Any], costs: Sequence[Mapping[str, Any]]
) -> None:
    """Draws the picture as a PNG.

    Args:
        path: The file.
        results: What was measured now.
        databases: Which were there.
        machine: What it was measured on.
        costs: What a check costs by the size of the book: `database`, `loans` in the book, `loans_a_customer` and
            `check_us`, in microseconds. Without any, the picture has one half only.
    """
    figure = Figure(figsize=(14 if costs else 9, 6), layout="constrained")
    axes = figure.subplots(1, 2 if costs else 1, squeeze=False)[0]
    _throughput(axes[0], results, databases)
    if costs:
        _costs(axes[1], costs)
    figure.suptitle(f"Almeno Credit on {machine['cores']} cores, {machine['model']}")
    figure.savefig(path, dpi=120)


def _costs(axes: Axes, costs: Sequence[Mapping[str, Any]]) -> None:
    kinds = list(dict.fromkeys((cost["database"], cost["loans_a_customer"]) for cost in costs))
    colors = dict(zip(dict.fromkeys(of_customer for _, of_customer in kinds), _COLORS, strict=False))
    styles = dict(zip(dict.fromkeys(database for database, _ in kinds), _STYLES, strict=False))
    for database, of_customer in kinds:
        points = sorted(
            (cost["loans"], cost["check_us"])
            for cost in costs
            if (cost["database"], cost["loans_a_customer"]) == (database, of_customer)
        )
        axes.plot(
            *zip(*points, strict=True),
            marker="o",
            color=colors[of_customer],
            linestyle=styles[database],
            label=f"{of_customer} loans a customer, {database}",
        )
    axes.set_title("What a check costs, without the transport", fontsize="medium")
    axes.set_xscale("log")
    sizes = sorted({cost["loans"] for cost in costs})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("loans in the book")
    axes.set_ylabel("microseconds a check")
    _finish(axes)


def _finish(axes: Axes) -> None:
    """Both from zero, with the names below, where they hide nothing."""
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False)


def _throughput(axes: Axes, results: Results, databases: list[str]) -> None:
    lines = [(EMPTY, EMPTY, "black", "-", [Point(EMPTY, count) for count in CONNECTIONS])]
    for database, style in zip(databases, _STYLES, strict=False):
        checks = [Point(CHECK, count) for count in CONNECTIONS]
        bookings = [Point(BOOK, count, spread=count > 1) for count in CONNECTIONS]
        lines.append((f"{CHECK}, {database}", database, _COLORS[0], style, checks))
        lines.append((f"{BOOK}, {database}", database, _COLORS[1], style, bookings))
    for label, target, color, style, points in lines:
        rates = [results.median(target, point).work_per_second for point in points]
        axes.plot(CONNECTIONS, rates, marker="o", color=color, linestyle=style, label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(CONNECTIONS, [str(count) for count in CONNECTIONS])
    axes.set_title("Throughput", fontsize="medium")
    axes.set_xlabel("connections, each with one call in flight")
    axes.set_ylabel("calls a second")
    _finish(axes)
