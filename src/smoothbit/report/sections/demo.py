"""The demo: accuracy, size and speed of one network at several widths."""

from __future__ import annotations

from typing import Any

from smoothbit.report.charts import Chart, Series, needs_log, width_color, width_name
from smoothbit.report.content import Section, Table, Tile
from smoothbit.report.sections.base import SECTIONS
from smoothbit.report.sources import Results, has_rows
from smoothbit.report.wording import milliseconds, number, percent, quartiles, ratio, size, speed

Row = dict[str, Any]


@SECTIONS.register("demo")
def demo_sections(results: Results) -> list[Section]:
    """Return a section for each file whose rows have accuracy and bytes of a packed file."""
    return [_section(record) for record in results.files.values() if is_demo(record)]


def is_demo(record: Row) -> bool:
    """Return whether the rows have accuracy, bytes of a packed file and time of the engine."""
    return has_rows(record) and {"accuracy_mean", "packed_bytes", "engine_ms"} <= set(record["rows"][0])


def _section(record: Row) -> Section:
    rows = record["rows"]
    dataset = record.get("dataset") or rows[0].get("dataset")
    charts = [pareto(rows, "accuracy-size"), _latency(rows, str(record.get("peer") or "PyTorch/PyG"))]
    return Section(
        title="Accuracy, size and speed" + (f" on {dataset}" if dataset else ""),
        lead=_lead(record),
        tiles=_tiles(rows),
        tables=(_table(rows),),
        charts=tuple(chart for chart in charts if chart is not None),
        notes=tuple(str(note) for note in record.get("notes", ())),
        commands=(_command(record),),
        environment=dict(record.get("environment") or {}),
    )


def _lead(record: Row) -> str:
    parts = ["The same network trained at each width, packed into one file, and run by the integer engine."]
    if record.get("seeds"):
        parts.append(f"{record['seeds']} seeds, split {record.get('split', 'n/a')}.")
    if record.get("metric") not in (None, "accuracy"):
        parts.append(f"Accuracy stands for {record['metric']} here.")
    return " ".join(parts)


def _command(record: Row) -> str:
    options = (("dataset", record.get("dataset")), ("seeds", record.get("seeds")))
    return " ".join(["smoothbit demo", *(f"--{name} {value}" for name, value in options if value)])


def _tiles(rows: list[Row]) -> tuple[Tile, ...]:
    packed = [row for row in rows if width_name(row.get("bits")) != "FP32"]
    if not packed:
        return ()
    smallest = min(packed, key=lambda row: number(row, "packed_bytes") or float("inf"))
    name = width_name(smallest.get("bits"))
    tiles = [
        Tile(f"{name} test accuracy", _accuracy(smallest), f"FP32: {_accuracy(_float_row(rows))}"),
        Tile(
            f"{name} file size",
            size(number(smallest, "packed_bytes")),
            f"{ratio(_shrink(smallest))} smaller than FP32",
        ),
        Tile(
            f"{name} engine",
            milliseconds(number(smallest, "engine_ms")),
            f"{speed(_speedup(smallest))} than PyTorch/PyG",
        ),
    ]
    agreements = [value for row in packed if (value := number(row, "label_agreement")) is not None]
    if agreements:
        tiles.append(Tile("Label agreement", percent(min(agreements)), "engine and float simulation, lowest width"))
    return tuple(tiles)


def _table(rows: list[Row]) -> Table:
    columns = (
        "Width", "Test accuracy", "File", "Smaller than FP32", "Engine, median", "Quartiles",
        "PyTorch/PyG FP32", "Engine against PyTorch/PyG", "Same labels",
    )  # fmt: skip
    cells = tuple(
        (
            width_name(row.get("bits")),
            _accuracy(row),
            size(number(row, "packed_bytes")),
            ratio(_shrink(row)),
            milliseconds(number(row, "engine_ms")),
            quartiles(number(row, "engine_q1_ms"), number(row, "engine_q3_ms")),
            milliseconds(number(row, "fp32_ms")),
            speed(_speedup(row)),
            percent(number(row, "label_agreement")),
        )
        for row in rows
    )
    note = "Accuracy: mean ± standard deviation over seeds. Same labels: engine against float simulation."
    return Table("One row for each width", columns, cells, note)


def pareto(rows: list[Row], slug: str) -> Chart | None:
    """Return accuracy against bytes of the file, or None when no row has both."""
    points = [
        (row, size_bytes / 1000, accuracy)
        for row in rows
        if (size_bytes := number(row, "packed_bytes")) and (accuracy := number(row, "accuracy_mean")) is not None
    ]
    if not points:
        return None
    series = tuple(
        _point(width_name(row.get("bits")), kilobytes, accuracy, number(row, "accuracy_std"), position)
        for position, (row, kilobytes, accuracy) in enumerate(points)
    )
    return Chart(
        slug, "Accuracy against size of the model file", "scatter", "Test accuracy (%)", "File size (kB)",
        series, is_base_log=True,
        caption="Error bars: one standard deviation over seeds. Up and to the left is better.",
    )  # fmt: skip


def _point(name: str, kilobytes: float, accuracy: float, spread: float | None, position: int) -> Series:
    value, half = 100 * accuracy, 100 * (spread or 0.0)
    low, high = ((value - half,), (value + half,)) if spread is not None else (None, None)
    return Series(name, (kilobytes,), (value,), low, high, width_color(name, position), (name,))


def _latency(rows: list[Row], peer_name: str) -> Chart | None:
    timed = [row for row in rows if number(row, "engine_ms") is not None]
    if not timed:
        return None
    bars = [
        (f"{width_name(row.get('bits'))}, engine", row, "engine", width_color(row.get("bits"), position))
        for position, row in enumerate(timed)
    ]
    peer = _float_row(timed) if number(_float_row(timed), "fp32_ms") is not None else timed[0]
    if number(peer, "fp32_ms") is not None:
        bars.append((f"FP32, {peer_name}", peer, "fp32", "#94a3b8"))
    series = tuple(_bar(position, *bar) for position, bar in enumerate(bars))
    return Chart(
        "latency", "Time of one inference over the whole graph", "bars", "Median time (ms)", "", series,
        tuple(name for name, *_ in bars), is_value_log=needs_log([s.ys[0] for s in series]),
        caption="Error bars: first and third quartile. Measured side by side in one run.",
    )  # fmt: skip


def _bar(position: int, name: str, row: Row, side: str, color: str) -> Series:
    median, low, high = (number(row, f"{side}_{part}ms") for part in ("", "q1_", "q3_"))
    value = median or 0.0
    return Series(
        name, (position,), (value,), None if low is None else (low,), None if high is None else (high,),
        color, (milliseconds(value),),
    )  # fmt: skip


def _float_row(rows: list[Row]) -> Row:
    return next((row for row in rows if width_name(row.get("bits")) == "FP32"), {})


def _accuracy(row: Row) -> str:
    return percent(number(row, "accuracy_mean"), number(row, "accuracy_std"))


def _shrink(row: Row) -> float | None:
    packed, full = number(row, "packed_bytes"), number(row, "fp32_bytes")
    return full / packed if packed and full else None


def _speedup(row: Row) -> float | None:
    engine, full = number(row, "engine_ms"), number(row, "fp32_ms")
    return full / engine if engine and full else None
