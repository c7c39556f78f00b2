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
    figure = Figure(figsize=(14 if costs else 9, 5.5), layout="constrained")
    axes = figure.subplots(1, 2 if costs else 1, squeeze=False)[0]
    _throughput(axes[0], results, databases)
    if costs:
        _costs(axes[1], costs)
    figure.suptitle(f"Almeno Credit on {machine['cores']} cores, {machine['model']}")
    figure.savefig(path, dpi=120)


def _costs(axes: Axes, costs: Sequence[Mapping[str, Any]]) -> None:
    for database, of_customer in sorted({(cost["database"], cost["loans_a_customer"]) for cost in costs}):
        points = sorted(
            (cost["loans"], cost["check_us"])
            for cost in costs
            if (cost["database"], cost["loans_a_customer"]) == (database, of_customer)
        )
        axes.plot(*zip(*points, strict=True), marker="o", label=f"{database}, {of_customer} loans a customer")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.2 * max(cost["check_us"] for cost in costs))
    axes.set_xlabel("loans in the book")
    axes.set_ylabel("microseconds a check")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()


def _throughput(axes: Axes, results: Results, databases: list[str]) -> None:
    lines = [(EMPTY, EMPTY, "black", "-", [Point(EMPTY, count) for count in CONNECTIONS])]
    for database, style in zip(databases, ("-", "--"), strict=False):
        checks = [Point(CHECK, count) for count in CONNECTIONS]
        bookings = [Point(BOOK, count, spread=count > 1) for count in CONNECTIONS]
        lines.append((f"{CHECK}, {database}", database, "tab:blue", style, checks))
        lines.append((f"{BOOK}, {database}", database, "tab:red", style, bookings))
    for label, target, color, style, points in lines:
        rates = [results.median(target, point).work_per_second for point in points]
        axes.plot(CONNECTIONS, rates, marker="o", color=color, linestyle=style, label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(CONNECTIONS, [str(count) for count in CONNECTIONS])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("connections, each with one call in flight")
    axes.set_ylabel("calls a second")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
