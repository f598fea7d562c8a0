"""Tables of `smoothbit bench`: columns that no row fills are left out."""

from __future__ import annotations

from collections.abc import Callable

from rich.table import Table

from smoothbit.bench import BenchRecord, BenchRow
from smoothbit.cli.output import make_table

MISSING = "-"
COLUMNS: dict[str, tuple[str, Callable[[BenchRow], str]]] = {
    "case": ("left", lambda row: row.case or MISSING),
    "width": ("left", lambda row: f"INT{row.bits}"),
    "engine ms": ("right", lambda row: number(row.engine_ms)),
    "quartiles": ("right", lambda row: quartiles(row.engine_q1_ms, row.engine_q3_ms)),
    "best FP32 peer": ("left", lambda row: row.best_fp32_peer or MISSING),
    "times faster": ("right", lambda row: number(row.ratio_best_fp32_peer)),
    "than own FP32": ("right", lambda row: number(row.ratio_own_fp32)),
    "than low-bit peer": ("right", lambda row: number(row.ratio_best_lowbit_peer)),
    "paper": ("right", lambda row: number(row.ratio_paper)),
    "ns/row": ("right", lambda row: number(row.ns_per_row)),
    "GB/s": ("right", lambda row: number(row.gb_per_s)),
    "peak MB": ("right", lambda row: number(row.peak_rss_mb)),
}
"""Columns of the first table: side, and the text of a row's cell."""


def place_line(record: BenchRecord) -> str:
    """Return one line on what was measured, and where."""
    first = record.rows[0]
    if first.suite == "gemm":
        size = f"{first.nodes:,} x {record.request.depth} by {record.request.depth} x {first.channels}"
    elif first.suite == "scaling":
        size = f"up to {record.request.num_nodes:,} nodes and {record.request.num_edges:,} directed edges"
    else:
        entries = "stored entries" if first.suite == "features" else "directed edges"
        size = f"{first.nodes:,} nodes, {first.edges:,} {entries}"
    return (
        f"{first.suite} on {first.graph}: {size}, {first.channels} channels, {first.threads} thread(s), "
        f"{first.isa}, {record.environment['cpu']}"
    )


def width_table(rows: list[BenchRow]) -> Table:
    """Return a line for each width of each case."""
    cells = {name: [text(row) for row in rows] for name, (_, text) in COLUMNS.items()}
    shown = [name for name, column in cells.items() if any(cell != MISSING for cell in column)]
    table = make_table("Packed engine; a ratio below 1 means slower", {name: COLUMNS[name][0] for name in shown})
    for position in range(len(rows)):
        table.add_row(*(cells[name][position] for name in shown))
    return table


def side_table(record: BenchRecord) -> Table | None:
    """Return a line for each timed side, fastest first; None when nothing was timed."""
    if not record.timings:
        return None
    columns = {"side": "left", "median ms": "right", "quartiles": "right", "samples": "right"}
    table = make_table("All sides, fastest first", columns)
    for name, timing in sorted(record.timings.items(), key=lambda item: (_case(item[0]), item[1].median_ms)):
        label = f"{name}, engine" if name.rpartition(": ")[2].startswith("INT") else name
        table.add_row(label, number(timing.median_ms), quartiles(timing.q1_ms, timing.q3_ms), str(timing.samples))
    return table


def memory_table(rows: list[BenchRow]) -> Table | None:
    """Return a line for the peak memory of each side; None when none was measured."""
    sides = {}
    for row in rows:
        for name, figure in (row.memory or {}).items():
            sides[f"INT{row.bits}, engine" if name == "engine" else name] = figure
    if not sides:
        return None
    columns = {"side": "left", "peak MB": "right", "imports MB": "right", "above imports MB": "right"}
    table = make_table("Peak resident memory, each side in a process of its own", columns)
    for name, figure in sorted(sides.items(), key=lambda item: item[1].peak_mb):
        table.add_row(name, number(figure.peak_mb), number(figure.imports_mb), number(figure.above_imports_mb))
    return table


def number(value: float | None) -> str:
    """Write a number with four significant digits, or "-"."""
    return MISSING if value is None else f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def quartiles(low: float | None, high: float | None) -> str:
    """Write two quartiles, or "-"."""
    return MISSING if low is None else f"{number(low)} .. {number(high)}"


def _case(name: str) -> str:
    return name.rpartition(": ")[0]
