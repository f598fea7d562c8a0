"""The depth study of `smoothbit compare --states`: accuracy, smoothness and quantization error against K."""

from __future__ import annotations

from typing import Any, Literal

from smoothbit.report.charts import SEQUENCE, Chart, Series, needs_log, width_name
from smoothbit.report.content import Section, Table
from smoothbit.report.sections.base import SECTIONS
from smoothbit.report.sections.methods import label, order_of, unique
from smoothbit.report.sources import Results, has_rows
from smoothbit.report.wording import points, significant

Row = dict[str, Any]
SCHEMA = "smoothbit-depth/"
LAST = {
    "energy": ("Dirichlet energy of the last state", "tr(H' L H) / |H|²"),
    "mad_neighbours": ("mean average distance between neighbours", "1 - cosine, mean over edges"),
    "mad_random": ("mean average distance between random nodes", "1 - cosine, mean over random pairs"),
    "error": ("relative quantization error of the last state", "|H - H_f| / |H_f|"),
}
"""Measures of the last state: title and axis."""
NOTES = (
    "Each point is a network trained at that K. Lines: low bits; dashed: FP32.",
    "Dirichlet energy with L = I - A^. Mean average distance: mean of 1 - cosine over edges, and over as many random "
    "pairs. An oversmoothed network has both near 0; one that separates classes has the first below the second.",
    "Quantization error: H_f is the state of the same weights with all quantizers off.",
)


def is_depth(record: Row) -> bool:
    """Return whether a record is depth.json."""
    return str(record.get("schema", "")).startswith(SCHEMA) and has_rows(record)


@SECTIONS.register("depth")
def depth_sections(results: Results) -> list[Section]:
    """Return a section for each data set of a depth study."""
    return [
        _section(dataset, [row for row in record["rows"] if row["dataset"] == dataset], record["varying"])
        for record in results.files.values()
        if is_depth(record)
        for dataset in unique(row["dataset"] for row in record["rows"])
    ]


def _section(dataset: str, rows: list[Row], varying: list[str]) -> Section:
    fields = [field for field in varying if field not in ("dataset", "num_steps")]
    lines: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: order_of("num_steps", row["config"]["num_steps"])):
        lines.setdefault(label(row, fields) or width_name(row["num_bits"]), []).append(row)
    families = unique(label(row, [field for field in fields if field != "num_bits"]) for row in rows)
    colors = {family: SEQUENCE[place % len(SEQUENCE)] for place, family in enumerate(families)}

    def color_of(row: Row) -> str:
        return colors[label(row, [field for field in fields if field != "num_bits"])]

    accuracies = tuple(_line(name, line, color_of(line[0]), "mean", 100.0) for name, line in lines.items())
    accuracy = Chart(
        f"depth-{dataset}-accuracy", f"{dataset}: test accuracy against K", "lines", "Test accuracy (%)",
        "Propagation steps K", accuracies, is_base_log=True, base_ticks=_ticks(rows),
        caption="Bands: one standard deviation over seeds.",
    )  # fmt: skip
    charts = [_last_chart(dataset, measure, lines, color_of) for measure in LAST]
    return Section(
        title=f"Depth study on {dataset}",
        lead=f"{len(rows)} networks, K from {min(_steps(rows))} to {max(_steps(rows))}.",
        tables=(_table(dataset, lines),),
        charts=(accuracy, *charts, *_step_charts(dataset, lines, color_of)),
        notes=NOTES,
    )


def _steps(rows: list[Row]) -> list[int]:
    return [row["config"]["num_steps"] for row in rows]


def _ticks(rows: list[Row]) -> tuple[float, ...]:
    return tuple(sorted({float(step) for step in _steps(rows)}))


def _is_float(row: Row) -> bool:
    return width_name(row["num_bits"]) == "FP32"


def _line(name: str, rows: list[Row], color: str, measure: str, factor: float = 1.0) -> Series:
    xs = tuple(float(step) for step in _steps(rows))
    style: Literal["dashed", "both"] = "dashed" if _is_float(rows[0]) else "both"
    if measure != "mean":
        return Series(name, xs, tuple(row[measure][-1] for row in rows), color=color, style=style)
    ys = [factor * row["mean"] for row in rows]
    spreads = [factor * (row["std"] or 0.0) for row in rows]
    low = tuple(y - spread for y, spread in zip(ys, spreads, strict=True)) if any(spreads) else None
    high = tuple(y + spread for y, spread in zip(ys, spreads, strict=True)) if any(spreads) else None
    return Series(name, xs, tuple(ys), low, high, color, style=style)


def _last_chart(dataset: str, measure: str, lines: dict[str, list[Row]], color_of: Any) -> Chart:
    title, axis = LAST[measure]
    shown = {name: line for name, line in lines.items() if measure != "error" or not _is_float(line[0])}
    series = tuple(_line(name, line, color_of(line[0]), measure) for name, line in shown.items())
    return Chart(
        f"depth-{dataset}-{measure.replace('_', '-')}", f"{dataset}: {title} against K", "lines",
        axis, "Propagation steps K", series, is_base_log=True,
        base_ticks=_ticks([row for line in shown.values() for row in line]),
        is_value_log=needs_log([y for line in series for y in line.ys]) and all(y > 0 for s in series for y in s.ys),
    )  # fmt: skip


def _step_charts(dataset: str, lines: dict[str, list[Row]], color_of: Any) -> list[Chart]:
    """Return the error after each step of the deepest low-bit networks."""
    deepest = {name: line[-1] for name, line in lines.items() if not _is_float(line[-1])}
    series = tuple(
        Series(
            f"{name}, K={row['config']['num_steps']}", tuple(float(step + 1) for step in range(len(row["error"]))),
            tuple(row["error"]), color=color_of(row),
        )
        for name, row in deepest.items()
    )  # fmt: skip
    if not series:
        return []
    return [Chart(
        f"depth-{dataset}-error-by-step", f"{dataset}: relative quantization error from step to step", "lines",
        "|H - H_f| / |H_f|", "Step k", series, caption="Of the deepest network of each method.",
    )]  # fmt: skip


def _spread(row: Row, measure: str) -> str:
    std = row.get("last_std", {}).get(measure)
    return significant(row[measure][-1]) + (f" ± {significant(std, 2)}" if std else "")


def _table(dataset: str, lines: dict[str, list[Row]]) -> Table:
    columns = ("Network", "K", "Test (%)", "Energy", "MAD, neighbours", "MAD, random", "Quantization error")
    cells = tuple(
        (
            name, str(row["config"]["num_steps"]), points(row["mean"], row["std"]),
            *(significant(row[measure][-1]) for measure in ("energy", "mad_neighbours", "mad_random")),
            "" if _is_float(row) else _spread(row, "error"),
        )
        for name, line in lines.items()
        for row in line
    )  # fmt: skip
    return Table(f"Depth on {dataset}: the last state", columns, cells, name=f"depth-{dataset}")
