"""The figures in words: a table for people, JSON for programs."""

import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import POINTS, Point, Results, points_of
from benchmarks.operations import BATCH, BATCH_SIZE
from benchmarks.targets import EMPTY

_HEADINGS = ("", "in flight", "a second", "of empty RPC", "p50 ms", "p99 ms", "CPU µs", "database CPU µs")
_IMPORT_HEADINGS = (
    *("import", "rows", "seconds", "× pandas and to_sql", "reader MiB (pandas)", "worker MiB", "seconds with calls"),
    *("check p50 ms", "check p99 ms", "book p50 ms", "book p99 ms", "both p99 ms"),
)


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


def calls(results: Results, targets: Sequence[str]) -> str:
    """The medians of all calls, the transport first; the ratio with the least and the most of the rounds."""
    empties = sorted({point.empty for point in POINTS}, key=lambda point: (point.spread, point.connections))
    rows = [_row(results, EMPTY, point) for point in empties]
    rows += [_row(results, target, point) for target in targets for point in points_of(target)]
    return _table(_HEADINGS, rows)


def imports(measured: Sequence[Mapping[str, Any]]) -> str:
    """Imports beside pandas and to_sql of the same file; and calls without → during another one."""
    rows = []
    for each in measured:
        bare = next(iter(each["programs"].values()))
        rows.append(
            (
                f"{each['file']}, {each['database']}",
                f"{each['rows']:,}",
                f"{each['import_seconds']:.1f}",
                f"{each['ratio']:.2f} ({spread(each['ratios'])})",
                f"{each['reader_peak_mib']:.0f} ({bare['peak_mib']:.0f})",
                f"{each['worker_peak_mib']:.0f}",
                f"{each['busy_import_seconds']:.1f}",
                *(
                    f"{each['quiet'][figure]:.1f} → {each['busy'][figure]:.1f}"
                    for figure in ("check_p50_ms", "check_p99_ms", "book_p50_ms", "book_p99_ms", "both_p99_ms")
                ),
            )
        )
    return _table(_IMPORT_HEADINGS, rows)


def costs(measured: Sequence[Mapping[str, Any]]) -> str:
    """What a check costs by the size of the book, in microseconds; see `benchmarks.picture.draw`."""
    sizes = sorted({each["loans"] for each in measured})
    figures = {(each["database"], each["loans_a_customer"], each["loans"]): each["check_us"] for each in measured}
    rows = [
        (
            f"{database}, {of_customer} loans a customer",
            *(f"{figures[database, of_customer, size]:.0f}" for size in sizes),
        )
        for database, of_customer in dict.fromkeys(key[:2] for key in figures)
    ]
    return _table(("µs a check in a book of", *(f"{size:,} loans" for size in sizes)), rows)


def spread(rounds: Sequence[float]) -> str:
    """The least and the most of the rounds."""
    return f"{min(rounds):.2f}–{max(rounds):.2f}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [headings, ("---", *["---:"] * (len(headings) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(results: Results, target: str, point: Point) -> Sequence[str]:
    figures = results.median(target, point)
    ratio = "1"
    if target != EMPTY:
        ratios = results.ratios(target, point)
        ratio = f"{statistics.median(ratios):.2f} ({spread(ratios)})"
    name = point.operation if target == EMPTY else f"{point.operation}, {target}"
    if point.operation == BATCH:
        name += f": decisions, {BATCH_SIZE:,} a call"
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


def write_json(path: Path, machine_shape: dict[str, Any], results: Results) -> None:
    """Writes every figure of the calls, of every round."""
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
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
