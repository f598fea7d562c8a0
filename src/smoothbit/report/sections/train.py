"""A training run: one row for each seed, and the curves of its epochs."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import Any

from smoothbit.report.charts import SEQUENCE, Chart, Series, width_name
from smoothbit.report.content import Section, Table, Tile
from smoothbit.report.sections.base import SECTIONS
from smoothbit.report.sources import CONFIG_FILE, SUMMARY_FILE, Results, has_rows
from smoothbit.report.wording import count, number, percent, plain, significant

Row = dict[str, Any]
CURVES = {"val_accuracy": "Validation", "train_accuracy": "Training"}
LOSSES = {"train_loss": "Training", "val_loss": "Validation"}


@SECTIONS.register("train")
def train_sections(results: Results) -> list[Section]:
    """Return one section when the folder is that of `smoothbit train`."""
    summary = results.files.get(SUMMARY_FILE, {})
    rows = summary["rows"] if has_rows(summary) else list(results.seeds.values())
    rows = [row for row in rows if "test_accuracy" in row]
    if not rows:
        return []
    config = results.files.get(CONFIG_FILE, {})
    details = summary.get("summary", {})
    section = Section(
        title=f"Training on {config.get('dataset', results.name)}",
        lead=_lead(config, rows),
        tiles=_tiles(rows),
        tables=(_seed_table(rows), *_config_tables(config)),
        charts=(*_curves(results), _by_seed(rows)),
        commands=(_command(config, len(rows)),) if config else (),
        environment=dict(details.get("environment") or summary.get("environment") or {}),
    )
    return [section]


def _lead(config: Row, rows: list[Row]) -> str:
    parts = [f"{len(rows)} seed{'s' if len(rows) != 1 else ''}"]
    if "num_bits" in config:
        parts.insert(0, width_name(config["num_bits"]))
    network = "propagation" if config.get("model", "smp_net") == "smp_net" else "model"
    parts += [str(config[name]) for name in ("quantizer", network) if name in config]
    split = rows[0].get("split")
    parts += [f"split {split}"] if split else []
    return ", ".join(parts) + ". Epochs are selected on validation nodes only; test nodes are read once."


def _tiles(rows: list[Row]) -> tuple[Tile, ...]:
    tests, metric = _values(rows, "test_accuracy"), _metric(rows)
    best = max(rows, key=lambda row: number(row, "val_accuracy") or 0.0)
    seconds = _values(rows, "seconds")
    tiles = [
        Tile(
            f"Test {metric}",
            percent(fmean(tests), stdev(tests) if len(tests) > 1 else None),
            f"{len(tests)} seeds",
        ),
        Tile(
            "Best seed on validation",
            plain(best.get("seed")),
            f"test {percent(number(best, 'test_accuracy'))}",
        ),
    ]
    if seconds:
        tiles.append(Tile("Training time", f"{significant(sum(seconds))} s", f"{significant(fmean(seconds))} s a seed"))
    return tuple(tiles)


def _seed_table(rows: list[Row]) -> Table:
    columns = ("Seed", f"Validation {_metric(rows)}", f"Test {_metric(rows)}", "Best epoch", "Epochs", "Time")
    cells: list[tuple[str, ...]] = [
        (
            plain(row.get("seed")),
            percent(number(row, "val_accuracy")),
            percent(number(row, "test_accuracy")),
            count(number(row, "best_epoch")),
            count(number(row, "epochs")),
            "n/a" if number(row, "seconds") is None else f"{significant(float(row['seconds']))} s",
        )
        for row in rows
    ]
    if len(rows) > 1:
        means = (_spread(rows, name) for name in ("val_accuracy", "test_accuracy"))
        cells.append(("Mean ± std", *means, "", "", ""))
    return Table("One row for each seed", columns, tuple(cells))


def _config_tables(config: Row) -> tuple[Table, ...]:
    cells = tuple(
        (name, plain(value) if not isinstance(value, (dict, list)) else str(value))
        for name, value in config.items()
        if value not in (None, {}, []) and name != "data_root"
    )
    return (Table("Recipe", ("Setting", "Value"), cells),) if cells else ()


def _curves(results: Results) -> tuple[Chart, ...]:
    histories = [record.get("history") or {} for record in results.seeds.values()]
    charts = (
        (
            "accuracy-curves",
            f"{_metric(list(results.seeds.values())).capitalize()} by epoch",
            "(%)",
            CURVES,
            100.0,
        ),
        ("loss-curves", "Loss by epoch", "(nats)", LOSSES, 1.0),
    )
    built = (_curve_chart(histories, *chart) for chart in charts)
    return tuple(chart for chart in built if chart is not None)


def _curve_chart(
    histories: list[Row], slug: str, title: str, unit: str, names: dict[str, str], factor: float
) -> Chart | None:
    series = []
    for position, (key, name) in enumerate(names.items()):
        curves = [history[key] for history in histories if history.get(key)]
        if curves:
            series.append(_band(name, curves, factor, SEQUENCE[position]))
    if not series:
        return None
    label = f"{title.split(' ')[0]} {unit}"
    caption = "Lines: mean over seeds. Bands: lowest to highest seed." if len(histories) > 1 else ""
    return Chart(slug, title, "lines", label, "Epoch", tuple(series), caption=caption)


def _band(name: str, curves: list[list[float]], factor: float, color: str) -> Series:
    length = min(len(curve) for curve in curves)
    at_epoch = [[factor * curve[epoch] for curve in curves] for epoch in range(length)]
    low, high = tuple(map(min, at_epoch)), tuple(map(max, at_epoch))
    has_band = len(curves) > 1
    epochs = tuple(float(epoch + 1) for epoch in range(length))
    means = tuple(map(fmean, at_epoch))
    return Series(name, epochs, means, low if has_band else None, high if has_band else None, color)


def _by_seed(rows: list[Row]) -> Chart:
    series = tuple(
        Series(
            name,
            tuple(float(position) for position in range(len(rows))),
            tuple(100 * (number(row, key) or 0.0) for row in rows),
            color=SEQUENCE[index],
        )
        for index, (key, name) in enumerate((("val_accuracy", "Validation"), ("test_accuracy", "Test")))
    )
    seeds = tuple(plain(row.get("seed")) for row in rows)
    metric = _metric(rows).capitalize()
    return Chart("by-seed", f"{metric} of each seed", "dots", f"{metric} (%)", "Seed", series, seeds)


def _command(config: Row, num_seeds: int) -> str:
    options = {
        "dataset": config.get("dataset"),
        "bits": config.get("num_bits"),
        "quantizer": config.get("quantizer"),
        "model": config.get("model"),
        "propagation": config.get("propagation"),
        "seeds": num_seeds,
        "out": "RUN_DIR",
    }
    words = [f"--{name} {value}" for name, value in options.items() if value is not None]
    return " ".join(["smoothbit train", *words])


def _values(rows: list[Row], name: str) -> list[float]:
    return [value for row in rows if (value := number(row, name)) is not None]


def _spread(rows: list[Row], name: str) -> str:
    values = _values(rows, name)
    return percent(fmean(values), stdev(values)) if len(values) > 1 else "n/a"


def _metric(rows: list[Row]) -> str:
    return str(rows[0].get("metric", "accuracy")).replace("roc_auc", "ROC AUC") if rows else "accuracy"
