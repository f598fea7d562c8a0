"""Benchmarks: the packed engine beside its own FP32 side and its peers."""

from __future__ import annotations

from typing import Any

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
from smoothbit.report.sources import Results, has_rows
from smoothbit.report.wording import TIMES, count, milliseconds, number, quartiles, significant, speed

Row = dict[str, Any]
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
    place = (
        f"{first['graph']}: {count(number(first, 'nodes'))} nodes, {count(number(first, 'edges'))} directed "
        f"edges, {first['channels']} channels; {first['threads']} thread"
        f"{'s' if first['threads'] != 1 else ''}, {first['isa']}."
    )
    skipped = tuple(f"Not measured: {entry['peer']}, because {entry['reason']}." for entry in record.get("skipped", ()))
    return Section(
        title=f"Benchmark: {first['suite']}",
        lead=place,
        tiles=_tiles(rows),
        tables=(_width_table(rows), _side_table(rows)),
        charts=(_latency(name, rows), _ratios(name, rows)),
        notes=(*record.get("verdicts", ()), *record.get("notes", ()), *record.get("checks", ()), *skipped),
        commands=(_command(first, record),),
        environment=dict(record.get("environment") or {}),
    )


def _tiles(rows: list[Row]) -> tuple[Tile, ...]:
    tiles = []
    for row in rows[:4]:
        against = f"than {row['best_fp32_peer']}" if row.get("best_fp32_peer") else "than our own FP32"
        value = number(row, "ratio_best_fp32_peer") or number(row, "ratio_own_fp32")
        tiles.append(Tile(width_name(row["bits"]), speed(value), against))
    return tuple(tiles)


def _width_table(rows: list[Row]) -> Table:
    columns = (
        "Width", "Engine, median", "Quartiles", "Best FP32 peer", "Against that peer",
        "Against own FP32", "Against low-bit peer", "Peak memory",
    )  # fmt: skip
    cells = tuple(
        (
            width_name(row["bits"]),
            milliseconds(number(row, "engine_ms")),
            quartiles(number(row, "engine_q1_ms"), number(row, "engine_q3_ms")),
            str(row.get("best_fp32_peer") or "n/a"),
            *(speed(number(row, name)) for name in RATIOS),
            "n/a" if number(row, "peak_rss_mb") is None else f"{significant(float(row['peak_rss_mb']))} MB",
        )
        for row in rows
    )
    note = "Ratios of medians of one interleaved run. Peak memory: a process that runs the engine alone."
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
        color = LOW_BIT_PEER_COLOR if "int" in name.rsplit("-", 1)[-1] else PEER_COLOR
        sides.append((name, float(median), low, high, color))
    return sorted(sides, key=lambda side: side[1])


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
    for index, (key, label) in enumerate(RATIOS.items()):
        found = [(float(position), value) for position, row in enumerate(rows) if (value := number(row, key))]
        if found:
            xs, ys = zip(*found, strict=True)
            labels = tuple(f"{significant(y, 2 if y < 100 else 3)}{TIMES}" for y in ys)
            series.append(Series(label, xs, ys, color=SEQUENCE[index], labels=labels))
    widths = tuple(width_name(row["bits"]) for row in rows)
    return Chart(
        f"{name}-ratios", "How many times faster the packed engine is", "columns", f"Time ratio ({TIMES})",
        "Width of the codes", tuple(series), widths, reference=1.0,
        caption="Above the dashed line the engine is faster, below it slower.",
    )  # fmt: skip


def _command(row: Row, record: Row) -> str:
    widths = ",".join(str(other["bits"]) for other in record["rows"])
    generated = row["graph"] in ("powerlaw", "sbm")
    place = f" --nodes {row['nodes']} --edges {row['edges']}" if generated else " --data-root DATA"
    return (
        f"smoothbit bench --suite {row['suite']} --graph {row['graph']}{place} --channels {row['channels']} "
        f"--bits {widths} --threads {row['threads']} --json bench.json"
    )
