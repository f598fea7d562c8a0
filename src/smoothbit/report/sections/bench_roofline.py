"""The roofline: what one propagation step achieves, beside what this machine's memory can do at best."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

from smoothbit.kernels import aligned_row_bytes
from smoothbit.report.charts import PEER_COLOR, Chart, Series, width_color, width_name
from smoothbit.report.content import Table
from smoothbit.report.wording import number, percent, significant, size

Row = dict[str, Any]
CEILING_COLORS = ("#bae6fd", "#7dd3fc", "#38bdf8", "#0369a1", "#0c4a6e")
"""Of lines that no side has rows of; lightest for the shortest rows."""
SEQUENTIAL_COLOR = "#94a3b8"
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def roofline(name: str, record: Row) -> tuple[tuple[Table, ...], tuple[Chart, ...]]:
    """Return table and chart of a record with ceilings; nothing for one without."""
    ceilings = record.get("ceilings") or []
    points = _points(record["rows"])
    if not ceilings or not points:
        return (), ()
    return (_table(points, ceilings),), (_chart(name, record, points, ceilings),)


def _points(rows: list[Row]) -> list[Row]:
    """Return name, row bytes, table bytes, time for a gathered row and colour of each side."""
    points = []
    for row in rows:
        row_bytes = aligned_row_bytes(int(row["channels"]), int(row["bits"]))
        points.append(
            _point(row, width_name(row["bits"]), row_bytes, number(row, "engine_ms"), width_color(row["bits"]))
        )
    first = rows[0]
    float_bytes = 4 * int(first["channels"])
    points.append(_point(first, "own FP32", float_bytes, number(first, "own_fp32_ms"), width_color(32)))
    best = first.get("best_fp32_peer")
    if best:
        points.append(_point(first, str(best), float_bytes, number(first["peers"], str(best)), PEER_COLOR))
    return [point for point in points if point["ns"] is not None]


def _point(row: Row, name: str, row_bytes: int, milliseconds: float | None, color: str) -> Row:
    gathered = int(row["edges"]) + int(row["nodes"])  # one self-loop for each node
    return {
        "name": name, "row_bytes": row_bytes, "table_bytes": row_bytes * int(row["nodes"]), "color": color,
        "ns": None if milliseconds is None else 1e6 * milliseconds / gathered,
    }  # fmt: skip


def _chart(name: str, record: Row, points: list[Row], ceilings: list[Row]) -> Chart:
    series = [_ceiling("read in order", ceilings, "sequential", SEQUENTIAL_COLOR, None)]
    row_sizes = sorted({int(c["row_bytes"]) for c in ceilings if c["kind"] == "random"})
    own_colors = {point["row_bytes"]: point["color"] for point in reversed(points)}
    for row_bytes, other in zip(row_sizes, itertools.cycle(CEILING_COLORS), strict=False):
        color = own_colors.get(row_bytes, other)
        series.append(_ceiling(f"random rows, {row_bytes} B", ceilings, "random", color, row_bytes))
    for point in points:
        place = ((point["table_bytes"] / 1e6,), (point["row_bytes"] / point["ns"],))
        side = f"{point['name']}, {point['row_bytes']} B"
        series.append(Series(side, *place, color=point["color"], labels=(point["name"],), style="marks"))
    return Chart(
        f"{name}-roofline", "Roofline: what a step reads, beside what this machine can read", "lines",
        "Rows read (GB/s)", "Table the rows are read from (MB)", tuple(series), is_value_log=True, is_base_log=True,
        marks=_caches(record),
        caption="Lines: measured ceilings, the best of several compiled routines, in order (dashed) or at uniformly "
        "random places. Dots: one propagation step with its epilogue, bytes of gathered rows over its time; each has "
        "the colour of the line for its row size. A graph that reads some rows often can lie above its line.",
    )  # fmt: skip


def _ceiling(name: str, ceilings: list[Row], kind: str, color: str, row_bytes: int | None) -> Series:
    """Return the rates of one kind and row size (None: any) as a line."""
    chosen = [c for c in ceilings if c["kind"] == kind and row_bytes in (None, c["row_bytes"])]
    ordered = sorted(chosen, key=lambda ceiling: int(ceiling["table_bytes"]))
    xs, ys = tuple(c["table_bytes"] / 1e6 for c in ordered), tuple(float(c["gb_per_s"]) for c in ordered)
    return Series(name, xs, ys, color=color, style="dashed" if kind == "sequential" else "line")


def _caches(record: Row) -> tuple[tuple[float, str], ...]:
    """Return size in MB and name of each data cache, e.g. (0.033, "L1")."""
    marks = []
    for name, text in ((record.get("environment") or {}).get("caches") or {}).items():
        found = re.fullmatch(r"(\d+)([KMG])", str(text))
        if found and not name.endswith("i"):
            marks.append((int(found[1]) * UNITS[found[2]] / 1e6, name.removesuffix("d")))
    return tuple(marks)


def _table(points: list[Row], ceilings: list[Row]) -> Table:
    cells = []
    for point in points:
        best = ceiling_ns(ceilings, point["row_bytes"], point["table_bytes"])
        cells.append(
            (
                point["name"],
                f"{point['row_bytes']} B",
                size(point["table_bytes"]),
                f"{significant(point['ns'])} ns",
                f"{significant(point['row_bytes'] / point['ns'])} GB/s",
                "n/a" if best is None else f"{significant(best)} ns",
                percent(None if best is None else best / point["ns"]),
            )
        )
    columns = (
        "Side",
        "Row",
        "Table",
        "Time for a gathered row",
        "Rate",
        "Ceiling, random rows",
        "Share of the ceiling",
    )
    note = (
        "The ceiling is interpolated between measured sizes; rows shorter than the shortest measured ones count as "
        "those. Above 100 %: the graph reads some rows so often that a faster cache holds them."
    )
    return Table("Against the ceilings of this machine", columns, tuple(cells), note)


def ceiling_ns(ceilings: list[Row], row_bytes: int, table_bytes: int) -> float | None:
    """Return the least time for a random row, log-log interpolated in table and row size; None without any.

    Args:
        ceilings: Points of a record.
        row_bytes: Bytes of a row; outside the measured sizes the nearest one counts, longer rows in proportion.
        table_bytes: Bytes of the table; outside the measured sizes the nearest one counts.
    """
    random = [c for c in ceilings if c["kind"] == "random"]
    sizes = sorted({int(c["row_bytes"]) for c in random})
    if not sizes:
        return None
    at_size = []
    for measured in sizes:
        found = sorted((int(c["table_bytes"]), float(c["ns_per_row"])) for c in random if c["row_bytes"] == measured)
        at_size.append((measured, _interpolate(found, table_bytes)))
    longest, its_time = at_size[-1]
    return its_time * row_bytes / longest if row_bytes > longest else _interpolate(at_size, row_bytes)


def _interpolate(points: list[tuple[int, float]], place: float) -> float:
    if place <= points[0][0]:
        return points[0][1]
    for (low, first), (high, second) in itertools.pairwise(points):
        if place <= high:
            share = math.log(place / low) / math.log(high / low)
            return float(first ** (1 - share) * second**share)
    return points[-1][1]
