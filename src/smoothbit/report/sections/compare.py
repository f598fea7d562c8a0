"""Comparisons: methods, widths or data sets side by side, whatever columns the rows have."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import Any

from smoothbit.report.charts import SEQUENCE, Chart, Series, width_name
from smoothbit.report.content import Section, Table, Tile
from smoothbit.report.sections.base import SECTIONS
from smoothbit.report.sections.bench import is_bench
from smoothbit.report.sections.comparison import is_comparison
from smoothbit.report.sections.demo import is_demo
from smoothbit.report.sections.depth import is_depth
from smoothbit.report.sources import SUMMARY_FILE, Results, has_rows
from smoothbit.report.wording import number, percent, plain

Row = dict[str, Any]
MEANS = ("mean", "accuracy_mean", "test_accuracy_mean", "test_accuracy")
SPREADS = ("std", "accuracy_std", "test_accuracy_std", "test_std")
KNOWN = (is_demo, is_bench, is_comparison, is_depth)
"""Results that other sections take."""
TEXTS = ("dataset", "quantizer", "propagation", "method", "name")


@SECTIONS.register("compare")
def compare_sections(results: Results) -> list[Section]:
    """Return a section for the runs in subfolders, and one for each file with rows that no other takes."""
    # The rows of a demo and of a comparison sum up the runs beside them.
    has_rows_of_runs = any(is_demo(record) or is_comparison(record) for record in results.files.values())
    runs = [] if has_rows_of_runs else [_run_row(name, *run) for name, run in results.runs.items() if has_rows(run[1])]
    sections = [_section("comparison", {"rows": runs, **_shared(results)})] if runs else []
    return sections + [
        _section(name.removesuffix(".json"), record)
        for name, record in results.files.items()
        if name != SUMMARY_FILE and has_rows(record) and not any(known(record) for known in KNOWN)
    ]


def _run_row(name: str, config: Row, summary: Row) -> Row:
    tests = [value for row in summary["rows"] if (value := number(row, "test_accuracy")) is not None]
    is_float = config.get("num_bits") == 32
    return {
        "run": name,
        "dataset": config.get("dataset"),
        "propagation": config.get("propagation"),
        "quantizer": "none" if is_float else config.get("quantizer"),
        "num_bits": config.get("num_bits"),
        "mean": fmean(tests) if tests else None,
        "std": stdev(tests) if len(tests) > 1 else None,
        "seeds": len(tests),
    }


def _shared(results: Results) -> Row:
    """Return what all runs share: the environment of the first."""
    _, summary = next(iter(results.runs.values()))
    return {"environment": summary.get("summary", {}).get("environment", {})}


def _section(name: str, record: Row) -> Section:
    rows = record["rows"]
    chart = _accuracy_chart(name, rows)
    best = max(rows, key=lambda row: _first(row, MEANS) or 0.0)
    tiles = (
        (Tile("Best accuracy", percent(_first(best, MEANS)), f"{_name(best, rows)}, {_width(best)}"),) if chart else ()
    )
    return Section(
        title="Comparison of methods" if name == "comparison" else f"Results: {name}",
        tiles=tiles,
        tables=(_table(rows),),
        charts=(chart,) if chart else (),
        notes=tuple(str(note) for note in record.get("notes", ())),
        commands=(str(record["command"]),) if record.get("command") else (),
        environment=dict(record.get("environment") or {}),
    )


def _table(rows: list[Row]) -> Table:
    names = list(
        dict.fromkeys(name for row in rows for name, value in row.items() if not isinstance(value, (dict, list)))
    )
    cells = tuple(tuple(_cell(name, row.get(name)) for name in names) for row in rows)
    return Table("All rows", tuple(name.replace("_", " ") for name in names), cells)


def _cell(name: str, value: object) -> str:
    is_share = isinstance(value, float) and _is_share_name(name) and 0 <= value <= 1
    return percent(float(str(value))) if is_share else plain(value)


def _is_share_name(name: str) -> bool:
    return name in ("mean", "std", "interval95", "val_mean") or "accuracy" in name or "agreement" in name


def _accuracy_chart(name: str, rows: list[Row]) -> Chart | None:
    """Return accuracies by width, one series for each combination of names; None without accuracies."""
    scored = [row for row in rows if _first(row, MEANS) is not None]
    if not scored:
        return None
    widths = sorted({_width(row) for row in scored}, key=_width_order)
    groups: dict[str, list[Row]] = {}
    for row in scored:
        groups.setdefault(_name(row, scored), []).append(row)
    series = tuple(
        _series(label, members, widths, SEQUENCE[position % len(SEQUENCE)])
        for position, (label, members) in enumerate(groups.items())
    )
    return Chart(
        f"{name}-accuracy", "Test accuracy by width", "dots", "Test accuracy (%)", "Width",
        series, tuple(widths), caption="Error bars: one standard deviation over seeds.",
    )  # fmt: skip


def _series(label: str, rows: list[Row], widths: list[str], color: str) -> Series:
    xs = tuple(float(widths.index(_width(row))) for row in rows)
    values = [100 * (_first(row, MEANS) or 0.0) for row in rows]
    spreads = [100 * (_first(row, SPREADS) or 0.0) for row in rows]
    low = tuple(value - spread for value, spread in zip(values, spreads, strict=True))
    high = tuple(value + spread for value, spread in zip(values, spreads, strict=True))
    has_spread = any(spreads)
    return Series(label, xs, tuple(values), low if has_spread else None, high if has_spread else None, color)


def _name(row: Row, rows: list[Row]) -> str:
    """Return the texts in which the rows differ, e.g. "Cora qlr"."""
    differing = [text for text in TEXTS if len({str(other.get(text)) for other in rows}) > 1]
    words = [str(row[text]) for text in differing if row.get(text) not in (None, "none")]
    return " ".join(words) or ("unquantized" if "quantizer" in differing else "accuracy")


def _width(row: Row) -> str:
    bits = row.get("bits", row.get("num_bits"))
    return width_name(bits) if bits is not None else "all"


def _width_order(width: str) -> tuple[int, str]:
    """Order widths from the widest to the narrowest."""
    return -int("".join(filter(str.isdigit, width)) or 0), width


def _first(row: Row, names: tuple[str, ...]) -> float | None:
    return next((value for name in names if (value := number(row, name)) is not None), None)
