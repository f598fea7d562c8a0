"""The record of `smoothbit compare`: accuracy of every cell against float32, size, speed and proof."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, geometric_mean
from typing import Any

from smoothbit.report.charts import FRONT_COLOR, SEQUENCE, Chart, Series, width_name
from smoothbit.report.content import Section, Table, Tile
from smoothbit.report.sections.base import SECTIONS
from smoothbit.report.sections.methods import label, order_of, unique, without_common
from smoothbit.report.sources import Results, has_rows
from smoothbit.report.wording import MISSING, difference, milliseconds, number, points, probability, size

Row = dict[str, Any]
SCHEMA = "smoothbit-compare/"
NOTES = (
    "Accuracy: mean ± standard deviation over seeds, epochs selected on validation nodes; test nodes are read once.",
    "Against FP32: mean difference to the float32 cell of the same recipe over the same seeds and splits, in "
    "percentage points, with its 95% interval; p of the paired t-test and of Wilcoxon's signed-rank test.",
    "File: bytes of the packed model of the best seed on validation, scales and metadata included. Engine: median time "
    "of one inference over the whole graph, one thread, all models of a data set interleaved.",
    "Verified: packed models whose codes and labels are those of the trained network, and whose accuracy in the "
    "engine is that of the training record.",
)


def is_comparison(record: Row) -> bool:
    """Return whether a record is compare.json."""
    return str(record.get("schema", "")).startswith(SCHEMA) and has_rows(record)


@SECTIONS.register("comparison")
def comparison_sections(results: Results) -> list[Section]:
    """Return a section for each record of a comparison."""
    return [_section(results.name, record) for record in results.files.values() if is_comparison(record)]


def _section(name: str, record: Row) -> Section:
    rows = record["rows"]
    varying, own = _split_fields(rows, record["varying"])
    rows = without_common(rows, varying)
    failures = record.get("failures") or {}
    charts = (
        _accuracy_chart(rows, varying),
        _pareto(rows, varying, "packed_bytes", 1e-3, "File size (kB)", "size of the model file"),
        _pareto(rows, varying, "engine_ms", 1.0, "Engine, one thread (ms)", "time of one inference"),
    )
    return Section(
        title=f"Comparison: {name}",
        lead=_lead(record),
        tiles=_tiles(rows, varying),
        tables=(_pivot(rows, varying), _cells(rows, varying)),
        charts=tuple(chart for chart in charts if chart is not None),
        notes=(*NOTES, *own, *(f"Failed: {cell}: {message}" for cell, message in failures.items())),
        environment=dict(record.get("environment") or {}),
    )


def _split_fields(rows: list[Row], varying: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the fields that make methods, and a note on those that each data set has one value of."""

    def is_own(field: str) -> bool:
        readers = [row for row in rows if field not in row.get("unread", ())]
        values = {(row["dataset"], repr(row["config"][field])) for row in readers}
        return len(values) == len({row["dataset"] for row in readers})

    own = [field for field in varying if "dataset" in varying and field != "dataset" and is_own(field)]
    names = ", ".join(field.replace("_", " ") for field in own)
    notes = [f"Each data set has values of its own, the same for all methods, of: {names}."] if own else []
    return [field for field in varying if field not in own], notes


def _lead(record: Row) -> str:
    rows = record["rows"]
    datasets = unique(f"{row['dataset']} (split {row['split']})" for row in rows)
    areas = unique(row["dataset"] for row in rows if row["metric"] == "roc_auc")
    lead = f"{len(rows)} cells, {record['seeds']} seeds each, on {', '.join(datasets)}."
    return lead + (f" For {', '.join(areas)} accuracy stands for ROC AUC." if areas else "")


def _tiles(rows: list[Row], varying: Sequence[str]) -> tuple[Tile, ...]:
    methods = _methods(rows, varying)
    tiles: list[Tile] = []
    for method, members in methods.items():
        gaps = _gaps(members)
        if gaps and len(tiles) < 3:
            worst = min(gaps, key=lambda name: gaps[name])
            where = f", worst {difference(gaps[worst])} on {worst}" if len(gaps) > 1 else ""
            tiles.append(
                Tile(f"{method} against FP32", f"{difference(fmean(gaps.values()))} points", f"average{where}")
            )
    verified, packed = (sum(row[name] for row in rows) for name in ("verified_seeds", "packed_seeds"))
    return (*tiles, Tile("Verified", f"{verified} of {packed}", "packed models, engine against training record"))


def _methods(rows: list[Row], varying: Sequence[str]) -> dict[str, list[Row]]:
    """Return the rows by method: what varies beside the data set."""
    methods: dict[str, list[Row]] = {}
    for row in rows:
        methods.setdefault(label(row, [field for field in varying if field != "dataset"]), []).append(row)
    return methods


def _gaps(rows: list[Row]) -> dict[str, float]:
    """Return the differences to float32 by data set."""
    return {row["dataset"]: gap for row in rows if (gap := number(row, "difference")) is not None}


def _pivot(rows: list[Row], varying: Sequence[str]) -> Table:
    """Return accuracies in two dimensions: steps across; else widths across; else data sets against methods."""
    datasets = unique(row["dataset"] for row in rows)
    if "num_steps" in varying or len(datasets) == 1:
        return _family_table(rows, varying, "num_steps" if "num_steps" in varying else "num_bits")
    return _dataset_table(_methods(rows, varying), datasets)


def _family_table(rows: list[Row], varying: Sequence[str], across: str) -> Table:
    """Return a table with the values of one field across; a float32 cell stands in the line of each it serves."""
    others = [field for field in varying if field != across]
    serving = {row.get("baseline") for row in rows} if across == "num_bits" else set()
    by_run = {row["run"]: row for row in rows}
    lines: dict[str, dict[object, Row]] = {}
    for row in rows:
        if row["run"] not in serving:
            line = lines.setdefault(label(row, others), {})
            line[row["config"][across]] = row
            if across == "num_bits" and row.get("baseline") in by_run:
                baseline = by_run[row["baseline"]]
                line[baseline["num_bits"]] = baseline
    values = sorted({value for line in lines.values() for value in line}, key=lambda value: order_of(across, value))
    heads = [width_name(value) if across == "num_bits" else f"K = {value}" for value in values]
    unnamed = "recipe" if len(lines) > 1 else ""
    cells = tuple((name or unnamed, *(_accuracy(line.get(value)) for value in values)) for name, line in lines.items())
    metric = rows[0]["metric"].replace("roc_auc", "ROC AUC")
    return Table(
        f"Test {metric} (%)",
        (unique(row["dataset"] for row in rows)[0] if "dataset" not in varying else "", *heads),
        cells,
        name="accuracy",
    )


def _dataset_table(methods: dict[str, list[Row]], datasets: list[str]) -> Table:
    """Return data sets against methods, the longer of the two downwards, with averages and the worst case."""
    columns = []
    for method, members in methods.items():
        by_dataset = {row["dataset"]: row for row in members}
        gaps = _gaps(members)
        worst = min(gaps, key=lambda name: gaps[name], default="")
        is_whole = len(by_dataset) == len(datasets)
        average = points(fmean(row["mean"] for row in members)) if is_whole else MISSING
        is_tested = len(gaps) == len(datasets)
        columns.append((
            method, *(_accuracy(by_dataset.get(name)) for name in datasets), average,
            difference(fmean(gaps.values())) if is_tested else "",
            f"{difference(gaps[worst])} ({worst})" if is_tested else "",
        ))  # fmt: skip
    heads = ("", *datasets, "Average", "Against FP32, average", "Against FP32, worst")
    if len(columns) <= len(datasets):
        lines = tuple(zip(heads, *columns, strict=True))
        return Table("Test accuracy (%)", lines[0], lines[1:], name="accuracy")
    return Table("Test accuracy (%)", ("Method", *heads[1:]), tuple(columns), name="accuracy")


def _accuracy(row: Row | None) -> str:
    return "" if row is None else points(number(row, "mean"), number(row, "std"))


def _cells(rows: list[Row], varying: Sequence[str]) -> Table:
    columns = (
        "Cell", "Test (%)", "95% interval", "Seeds", "Against FP32", "p, t-test", "p, Wilcoxon",
        "File", "Engine", "Verified",
    )  # fmt: skip
    cells = tuple(
        (
            label(row, varying) or row["dataset"],
            points(number(row, "mean"), number(row, "std")),
            MISSING if row["interval95"] is None else f"± {100 * row['interval95']:.2f}",
            str(row["n"]),
            difference(number(row, "difference"), number(row, "difference_interval95")),
            probability(number(row, "p_ttest")),
            probability(number(row, "p_wilcoxon")),
            size(number(row, "packed_bytes")),
            milliseconds(number(row, "engine_ms")),
            f"{row['verified_seeds']} of {row['packed_seeds']}",
        )
        for row in rows
    )
    return Table("All cells", columns, cells, name="cells")


def _accuracy_chart(rows: list[Row], varying: Sequence[str]) -> Chart | None:
    """Return accuracies by data set, or by width on one data set; steps have figures of their own."""
    if "num_steps" in varying:
        return None
    datasets = unique(row["dataset"] for row in rows)
    if len(datasets) > 1:
        categories, groups = datasets, _methods(rows, varying)
        places = {row["run"]: datasets.index(row["dataset"]) for row in rows}
    else:
        widths = sorted({row["num_bits"] for row in rows}, reverse=True)
        categories = [width_name(width) for width in widths]
        places = {row["run"]: widths.index(row["num_bits"]) for row in rows}
        groups = {}
        for row in rows:
            groups.setdefault(label(row, [field for field in varying if field != "num_bits"]) or "all", []).append(row)
    series = tuple(
        _dots(name, members, places, SEQUENCE[position % len(SEQUENCE)])
        for position, (name, members) in enumerate(groups.items())
    )
    return Chart(
        "accuracy", "Test accuracy", "dots", "Test accuracy (%)", "", series, tuple(categories),
        caption="Error bars: one standard deviation over seeds.",
    )  # fmt: skip


def _dots(name: str, rows: list[Row], places: dict[str, int], color: str) -> Series:
    means = [100 * row["mean"] for row in rows]
    spreads = [100 * (number(row, "std") or 0.0) for row in rows]
    low = tuple(mean - spread for mean, spread in zip(means, spreads, strict=True))
    high = tuple(mean + spread for mean, spread in zip(means, spreads, strict=True))
    return Series(name, tuple(float(places[row["run"]]) for row in rows), tuple(means), low, high, color)


def _pareto(rows: list[Row], varying: Sequence[str], cost: str, unit: float, axis: str, what: str) -> Chart | None:
    """Return average accuracy against a cost, a line for each family of widths, or of steps, and the front."""
    num_datasets = len({row["dataset"] for row in rows})
    along = "num_steps" if "num_steps" in varying else "num_bits"
    families: dict[str, list[tuple[float, float, str]]] = {}
    for members in _methods(rows, varying).values():
        costs = [value * unit for row in members if (value := number(row, cost))]
        if len(costs) == num_datasets:
            family = label(members[0], [field for field in varying if field not in ("dataset", along)])
            place = (geometric_mean(costs), 100 * fmean(row["mean"] for row in members))
            families.setdefault(family or "all", []).append((*place, label(members[0], [along])))
    if not families:
        return None
    has_lines = any(len(family) > 1 for family in families.values())
    series = [
        Series(
            name, tuple(x for x, *_ in family), tuple(y for _, y, _ in family), style="both",
            color=SEQUENCE[position % len(SEQUENCE)], labels=tuple(text for *_, text in family) if has_lines else None,
        )
        for position, (name, family) in enumerate((name, sorted(family)) for name, family in families.items())
    ]  # fmt: skip
    front = _front([(x, y) for family in families.values() for x, y, _ in family])
    xs, ys = (tuple(place[axis] for place in front) for axis in (0, 1))
    series.insert(0, Series("Pareto front", xs, ys, color=FRONT_COLOR, style="dashed"))
    averages = f" Means over {num_datasets} data sets, geometric for the cost." if num_datasets > 1 else ""
    return Chart(
        f"pareto-{cost.partition('_')[2]}", f"Accuracy against {what}", "lines", "Test accuracy (%)", axis,
        tuple(series), is_base_log=True, has_point_names=False,
        caption=f"Up and to the left is better.{averages}",
    )  # fmt: skip


def _front(places: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the places that no other beats in both cost and accuracy, by cost."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(places, key=lambda place: (place[0], -place[1])):
        if not front or y > front[-1][1]:
            front.append((x, y))
    return front
