"""The figures in words: a table for people, JSON for programs."""

import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.book_import import ImportFigures
from benchmarks.measuring import POINTS, Point, Results
from benchmarks.targets import EMPTY

_HEADINGS = ("", "in flight", "a second", "of empty RPC", "p50 ms", "p99 ms", "CPU µs", "database CPU µs")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cores": len(os.sched_getaffinity(0)),
        "model": models[0].partition(": ")[2] if models else platform.machine(),
        "memory_gib": round(memory_kib / 2**20, 1),
        "python": platform.python_version(),
        "grpcio": importlib.metadata.version("grpcio"),
        "load_average": os.getloadavg()[0],
    }


def table(results: Results, databases: Sequence[str]) -> str:
    """The medians, in Markdown; the ratio with the least and the most of the rounds."""
    rows: list[Sequence[str]] = [_HEADINGS, ("---", *["---:"] * (len(_HEADINGS) - 1))]
    empties = sorted({point.empty for point in POINTS}, key=lambda point: (point.spread, point.connections))
    rows += [_row(results, EMPTY, point) for point in empties]
    rows += [_row(results, database, point) for database in databases for point in POINTS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(results: Results, target: str, point: Point) -> Sequence[str]:
    figures = results.median(target, point)
    ratio = "1"
    if target != EMPTY:
        ratios = results.ratios(target, point)
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
    name = point.operation if target == EMPTY else f"{point.operation}, {target}"
    return (
        f"{name}, each from a process of its own" if target == EMPTY and point.spread else name,
        f"{point.connections}",
        f"{figures.work_per_second:,.0f}",
        ratio,
        f"{figures.p50_us / 1000:.2f}",
        f"{figures.p99_us / 1000:.2f}",
        f"{figures.cpu_us:.0f}",
        f"{figures.database_cpu_us:.0f}" if figures.database_cpu_us else "",
    )


def memory(results: Results) -> str:
    """The most memory of each process, one line a target."""
    return "\n".join(
        f"{target}: {', '.join(f'{role} {mib:.0f} MiB' for role, mib in roles.items())}"
        for target, roles in results.memory_mib.items()
    )


def write_json(path: Path, machine_shape: dict[str, Any], results: Results, imports: Sequence[ImportFigures]) -> None:
    """Writes every figure of every round."""
    measured = [
        {
            "target": target,
            **dataclasses.asdict(point),
            "median": dataclasses.asdict(results.median(target, point)),
            "ratio": statistics.median(results.ratios(target, point)),
            "rounds": [dataclasses.asdict(figures) for figures in rounds],
        }
        for (target, point), rounds in results.figures.items()
    ]
    content = {
        "machine": machine_shape,
        "calls": measured,
        "peak_memory_mib": results.memory_mib,
        "imports": [dataclasses.asdict(figures) for figures in imports],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
