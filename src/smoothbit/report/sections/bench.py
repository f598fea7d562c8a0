"""Benchmarks: the packed engine beside its own FP32 side and its peers."""

from __future__ import annotations

from typing import Any, TypeAlias

from smoothbit.report.charts import (
    LOW_BIT_PEER_COLOR,
    PEER_COLOR,
    SEQUENCE,
    Chart,
    Series,
    needs_log,
    width_color,
    width_name,
)
from smoothbit.report.content import Section, Table, Tile
from smoothbit.report.sections.base import SECTIONS
from smoothbit.report.sections.bench_cases import case_ratio_chart, case_table, rate_chart, scaling_charts
from smoothbit.report.sections.bench_memory import memory_chart, memory_table, memory_tiles
from smoothbit.report.sections.bench_roofline import roofline
from smoothbit.report.sources import Results, has_rows
from smoothbit.report.wording import TIMES, count, milliseconds, number, quartiles, significant, speed

Row = dict[str, Any]
Contents: TypeAlias = tuple[tuple[Tile, ...], tuple[Table, ...], tuple[Chart, ...]]
PAPER = "Paper, over its FP32"
RATIOS = {
    "ratio_best_fp32_peer": "Best FP32 peer",
    "ratio_own_fp32": "Our own FP32",
    "ratio_best_lowbit_peer": "Best low-bit peer",
}


@SECTIONS.register("bench")
def bench_sections(results: Results) -> list[Section]:
    """Return a section for each file of `smoothbit bench`."""
    return [_section(name.removesuffix(".json"), record) for name, record in results.files.items() if is_bench(record)]


def is_bench(record: Row) -> bool:
    """Return whether the rows are those of `smoothbit bench`."""
    return has_rows(record) and {"suite", "engine_ms", "peers"} <= set(record["rows"][0])


def _section(name: str, record: Row) -> Section:
    rows = record["rows"]
    first = rows[0]
    skipped = tuple(f"Not measured: {entry['peer']}, because {entry['reason']}." for entry in record.get("skipped", ()))
    tiles, tables, charts = _CONTENTS.get(str(first["suite"]), _one_case)(name, record)
    return Section(
        title=f"Benchmark: {first['suite']}",
        lead=_lead(record),
        tiles=tiles,
        tables=tables,
        charts=charts,
        notes=(*record.get("verdicts", ()), *record.get("notes", ()), *record.get("checks", ()), *skipped),
        commands=(_command(first, record),),
        environment=dict(record.get("environment") or {}),
    )


def _one_case(name: str, record: Row) -> Contents:
    rows = record["rows"]
    tables, charts = roofline(name, record)
    return (
        _tiles(rows),
        (_width_table(rows), _side_table(rows), *tables),
        (_latency(name, rows), _ratios(name, rows), *charts),
    )


def _kernels(name: str, record: Row) -> Contents:
    rows = record["rows"]
    ratios = case_ratio_chart(name, rows)
    return (), (case_table(rows),), (rate_chart(name, rows), *([ratios] if ratios else []))


def _scaling(name: str, record: Row) -> Contents:
    return (), (case_table(record["rows"]),), scaling_charts(name, record["rows"])


def _memory(name: str, record: Row) -> Contents:
    rows = record["rows"]
    return memory_tiles(rows), (memory_table(rows),), (memory_chart(name, rows),)


_CONTENTS = {"kernels": _kernels, "scaling": _scaling, "memory": _memory}
"""Tiles, tables and charts by suite; all others measure one case."""


def _lead(record: Row) -> str:
    first, request = record["rows"][0], record.get("request") or {}
    nodes, edges = count(number(first, "nodes")), count(number(first, "edges"))
    size = f"{nodes} nodes, {edges} directed edges"
    if first["suite"] == "features":
        size = f"{nodes} nodes, {edges} stored entries"
    elif first["suite"] == "gemm":
        size = f"{nodes} rows, depth {request.get('depth', 'n/a')}"
    elif first["suite"] == "scaling":
        most = (count(number(request, name)) for name in ("num_nodes", "num_edges"))
        size = "up to {} nodes and {} directed edges".format(*most)
    return (
        f"{first['graph']}: {size}, {first['channels']} channels; {first['threads']} thread"
        f"{'s' if first['threads'] != 1 else ''}, {first['isa']}."
    )


def _tiles(rows: list[Row]) -> tuple[Tile, ...]:
    tiles = []
    for row in rows[:4]:
        against = f"than {row['best_fp32_peer']}" if row.get("best_fp32_peer") else "than our own FP32"
        value = number(row, "ratio_best_fp32_peer") or number(row, "ratio_own_fp32")
        tiles.append(Tile(width_name(row["bits"]), speed(value), against))
    return tuple(tiles)


def _width_table(rows: list[Row]) -> Table:
    has_paper = any(number(row, "ratio_paper") is not None for row in rows)
    columns = (
        "Width", "Engine, median", "Quartiles", "Best FP32 peer", "Against that peer",
        "Against own FP32", "Against low-bit peer", "Peak memory", *([PAPER] if has_paper else []),
    )  # fmt: skip
    cells = tuple(
        (
            width_name(row["bits"]),
            milliseconds(number(row, "engine_ms")),
            quartiles(number(row, "engine_q1_ms"), number(row, "engine_q3_ms")),
            str(row.get("best_fp32_peer") or "n/a"),
            *(speed(number(row, name)) for name in RATIOS),
            "n/a" if number(row, "peak_rss_mb") is None else f"{significant(float(row['peak_rss_mb']))} MB",
            *([speed(number(row, "ratio_paper"))] if has_paper else []),
        )
        for row in rows
    )
    note = "Ratios of medians of one interleaved run. Peak memory: a process that runs the engine alone."
    if has_paper:
        note += " Paper: what its authors report over their own FP32 on their own machine; not measured here."
    return Table("Packed engine", columns, cells, note)


def _side_table(rows: list[Row]) -> Table:
    sides = _sides(rows)
    cells = tuple((name, milliseconds(median), quartiles(low, high)) for name, median, low, high, _ in sides)
    return Table("Everything that was measured, fastest first", ("Side", "Median", "Quartiles"), cells)


def _sides(rows: list[Row]) -> list[tuple[str, float, float | None, float | None, str]]:
    """Return name, median, quartiles and colour of each side, fastest first."""
    sides = []
    for position, row in enumerate(rows):
        times = [number(row, f"engine_{part}ms") for part in ("", "q1_", "q3_")]
        name = width_name(row["bits"])
        sides.append((f"{name}, engine", times[0] or 0.0, times[1], times[2], width_color(name, position)))
    first = rows[0]
    own = [number(first, f"own_fp32_{part}ms") for part in ("", "q1_", "q3_")]
    if own[0] is not None:
        sides.append(("FP32, our own", own[0], own[1], own[2], width_color(32)))
    for name, median in first["peers"].items():
        low, high = (first.get("peer_quartiles") or {}).get(name, (None, None))
        color = LOW_BIT_PEER_COLOR if _is_low_bit(name) else PEER_COLOR
        sides.append((name, float(median), low, high, color))
    return sorted(sides, key=lambda side: side[1])


def _is_low_bit(peer: str) -> bool:
    """Return whether a peer's name has a part that is a width below float32, e.g. "int8" or "bfloat16"."""
    return any(part.startswith("int") or part == "bfloat16" for part in peer.split("-"))


def _latency(name: str, rows: list[Row]) -> Chart:
    sides = _sides(rows)
    series = tuple(
        Series(
            side, (position,), (median,),
            None if low is None else (low,), None if high is None else (high,),
            color, (milliseconds(median),),
        )
        for position, (side, median, low, high, color) in enumerate(sides)
    )  # fmt: skip
    return Chart(
        f"{name}-latency", "Time of the packed engine beside its peers", "bars", "Median time (ms)", "",
        series, tuple(side for side, *_ in sides),
        is_value_log=needs_log([median for _, median, *_ in sides]),
        caption="Error bars: first and third quartile. All sides took turns in one run.",
    )  # fmt: skip


def _ratios(name: str, rows: list[Row]) -> Chart:
    series = []
    for index, (key, label) in enumerate({**RATIOS, "ratio_paper": PAPER}.items()):
        found = [(float(position), value) for position, row in enumerate(rows) if (value := number(row, key))]
        if found:
            xs, ys = zip(*found, strict=True)
            labels = tuple(f"{significant(y, 2 if y < 100 else 3)}{TIMES}" for y in ys)
            color = PEER_COLOR if key == "ratio_paper" else SEQUENCE[index]
            series.append(Series(label, xs, ys, color=color, labels=labels))
    widths = tuple(width_name(row["bits"]) for row in rows)
    return Chart(
        f"{name}-ratios", "How many times faster the packed engine is", "columns", f"Time ratio ({TIMES})",
        "Width of the codes", tuple(series), widths, reference=1.0,
        caption="Above the dashed line the engine is faster, below it slower.",
    )  # fmt: skip


def _command(row: Row, record: Row) -> str:
    widths = ",".join(dict.fromkeys(str(other["bits"]) for other in record["rows"]))
    return (
        f"smoothbit bench --suite {row['suite']}{_place(row, record.get('request') or {})} --channels "
        f"{row['channels']} --bits {widths} --threads {row['threads']}"
        f"{' --ceilings' if record.get('ceilings') else ''} --json bench.json"
    )


def _place(row: Row, request: Row) -> str:
    """Return the options that name graph and sizes."""
    if row["suite"] == "gemm":
        return f" --rows {row['nodes']} --depth {request.get('depth', 512)}"
    graph = request.get("graph", row["graph"])
    if str(graph).lower() not in ("powerlaw", "sbm"):
        return f" --graph {graph} --data-root DATA"
    nodes, edges = row["nodes"], row["edges"]
    if row["suite"] in ("scaling", "features"):
        nodes, edges = request.get("num_nodes", nodes), request.get("num_edges", edges)
    return f" --graph {graph} --nodes {nodes} --edges {edges}"
