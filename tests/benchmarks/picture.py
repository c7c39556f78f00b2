"""The figures as a picture: throughput against connections, and what a check costs against the size of the book."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from benchmarks.measuring import CONNECTIONS, Point, Results
from benchmarks.operations import BOOK, CHECK
from benchmarks.targets import EMPTY
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.use("agg")


def draw(path: Path, results: Results, databases: list[str], machine: dict[str, Any]) -> None:
    """Draws the picture as a PNG."""
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    _throughput(figure.add_subplot(), results, databases)
    figure.suptitle(f"Almeno Credit on {machine['cores']} cores, {machine['model']}")
    figure.savefig(path, dpi=120)


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
