"""Benchmarks of several cases: primitives one by one, and a step at growing sizes."""

from __future__ import annotations

from typing import Any

from smoothbit.report.charts import PEER_COLOR, SEQUENCE, Chart, Series, width_color, width_name
from smoothbit.report.content import Table
from smoothbit.report.wording import TIMES, milliseconds, number, significant, speed

Row = dict[str, Any]
OWN_FP32 = "FP32, our own"
COPY = "memcpy"
COPIED_BYTES = {"pack": 1, "unpack": 1}
"""Bytes of an element that `memcpy` copies beside a primitive; 4 beside those that are not named."""


def case_table(rows: list[Row]) -> Table:
    """Return a line for each width of each case, with its rates."""
    columns = (
        "Case", "Width", "Engine, median", "For a row", "Rate", "Best FP32 peer", "Against that peer",
        "Against own FP32", "Against low-bit peer",
    )  # fmt: skip
    cells = tuple(
        (
            str(row["case"]),
            width_name(row["bits"]),
            milliseconds(number(row, "engine_ms")),
            _with_unit(number(row, "ns_per_row"), "ns"),
            _with_unit(number(row, "gb_per_s"), "GB/s"),
            str(row.get("best_fp32_peer") or "n/a"),
            speed(number(row, "ratio_best_fp32_peer")),
            speed(number(row, "ratio_own_fp32")),
            speed(number(row, "ratio_best_lowbit_peer")),
        )
        for row in rows
    )
    note = "A row is a node's, or in sparse products a gathered one. Rates count every byte read and written."
    return Table("Packed engine", columns, cells, note)


def rate_chart(name: str, rows: list[Row]) -> Chart:
    """Return the bytes a second of each primitive at each width, beside a plain copy."""
    cases = list(dict.fromkeys(str(row["case"]) for row in rows))
    series = [
        _by_case(width_name(bits), cases, [row for row in rows if row["bits"] == bits], "gb_per_s", width_color(bits))
        for bits in dict.fromkeys(row["bits"] for row in rows)
    ]
    copies = [(float(cases.index(row["case"])), rate) for row in rows if (rate := _copy_rate(row)) is not None]
    if copies:
        xs, ys = zip(*dict(copies).items(), strict=True)
        series.append(Series("memcpy", xs, ys, color=PEER_COLOR))
    return Chart(
        f"{name}-rates", "Bytes read and written by each primitive", "columns", "Rate (GB/s)", "",
        tuple(series), tuple(cases),
        caption="Gathered rows count as often as they are read. memcpy copies codes of one byte beside pack and "
        "unpack, a float32 matrix beside the others.",
    )  # fmt: skip


def case_ratio_chart(name: str, rows: list[Row]) -> Chart | None:
    """Return how many times faster than our own FP32 each primitive is; None when none has an FP32 side."""
    compared = [row for row in rows if number(row, "ratio_own_fp32") is not None]
    cases = list(dict.fromkeys(str(row["case"]) for row in compared))
    if not cases:
        return None
    series = tuple(
        _by_case(
            width_name(bits), cases, [row for row in compared if row["bits"] == bits], "ratio_own_fp32",
            width_color(bits), has_labels=True,
        )
        for bits in dict.fromkeys(row["bits"] for row in compared)
    )  # fmt: skip
    return Chart(
        f"{name}-ratios", "How many times faster each primitive is than our own FP32", "columns",
        f"Time ratio ({TIMES})", "", series, tuple(cases), reference=1.0,
        caption="Above the dashed line the engine is faster, below it slower.",
    )  # fmt: skip


def scaling_charts(name: str, rows: list[Row]) -> tuple[Chart, ...]:
    """Return time against nodes and against edges, both axes logarithmic."""
    charts = []
    for sweep, fixed in (("nodes", "mean degree"), ("edges", "number of nodes")):
        chosen = [row for row in rows if str(row["case"]).startswith(f"{sweep} ")]
        if chosen:
            charts.append(
                Chart(
                    f"{name}-{sweep}", f"One propagation step against the number of {sweep}", "lines",
                    "Median time (ms)", f"{'Nodes' if sweep == 'nodes' else 'Directed edges'}",
                    _lines(chosen, sweep), is_value_log=True, is_base_log=True,
                    caption=f"Power-law graphs, {chosen[0]['channels']} channels, the {fixed} fixed. Bands: first to "
                    "third quartile.",
                )
            )  # fmt: skip
    return tuple(charts)


def _lines(rows: list[Row], sweep: str) -> tuple[Series, ...]:
    series = []
    for bits in dict.fromkeys(row["bits"] for row in rows):
        chosen = [row for row in rows if row["bits"] == bits]
        parts = [[number(row, f"engine_{part}") for row in chosen] for part in ("ms", "q1_ms", "q3_ms")]
        series.append(_line(width_name(bits), chosen, sweep, parts, width_color(bits)))
    first = [row for row in rows if row["bits"] == rows[0]["bits"]]
    own = [[number(row, f"own_fp32_{part}") for row in first] for part in ("ms", "q1_ms", "q3_ms")]
    series.append(_line(OWN_FP32, first, sweep, own, width_color(32)))
    peers = dict.fromkeys(peer for row in first for peer in row["peers"])
    for position, peer in enumerate(peers):
        times = [[number(row["peers"], peer) for row in first]]
        times += [[(row.get("peer_quartiles") or {}).get(peer, (None, None))[end] for row in first] for end in (0, 1)]
        series.append(_line(peer, first, sweep, times, SEQUENCE[(4 + position) % len(SEQUENCE)], is_dashed=True))
    return tuple(line for line in series if line.xs)


def _line(
    name: str, rows: list[Row], sweep: str, parts: list[list[float | None]], color: str, is_dashed: bool = False
) -> Series:
    points = sorted(
        (float(row[sweep]), *values)
        for row, *values in zip(rows, *parts, strict=True)
        if all(value is not None for value in values)
    )
    if not points:
        return Series(name, (), ())
    xs, ys, low, high = (tuple(column) for column in zip(*points, strict=True))
    return Series(name, xs, ys, low, high, color, style="dashed" if is_dashed else "both")


def _by_case(name: str, cases: list[str], rows: list[Row], key: str, color: str, has_labels: bool = False) -> Series:
    found = [(float(cases.index(row["case"])), value) for row in rows if (value := number(row, key)) is not None]
    xs, ys = (tuple(column) for column in zip(*found, strict=True)) if found else ((), ())
    labels = tuple(significant(y, 2 if y < 100 else 3) for y in ys) if has_labels else None
    return Series(name, xs, ys, color=color, labels=labels)


def _copy_rate(row: Row) -> float | None:
    copied = number(row["peers"], COPY)
    if copied is None:
        return None
    element = COPIED_BYTES.get(str(row["case"]), 4)
    return 2 * element * int(row["nodes"]) * int(row["channels"]) / (1e6 * copied)


def _with_unit(value: float | None, unit: str) -> str:
    return "n/a" if value is None else f"{significant(value)} {unit}"
