"""`smoothbit compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smoothbit.cli import train_options as opt
from smoothbit.cli.options import (
    DataRootOption,
    DebugOption,
    JsonOption,
    parse_list,
    parse_pairs,
    parse_widths,
)
from smoothbit.cli.output import Output, make_table
from smoothbit.cli.training import run_with_progress
from smoothbit.data import Dataset, load_dataset
from smoothbit.train import TrainConfig, make_grid

DEFAULTS = TrainConfig()


def compare(
    out: Annotated[Path, typer.Option(help="Folder of run folders, one for each cell; finished cells are read.")],
    datasets: Annotated[str, typer.Option(help="Comma list of data sets.")] = DEFAULTS.dataset,
    data_root: DataRootOption = None,
    propagations: Annotated[str, typer.Option(help="Comma list of propagations.")] = DEFAULTS.propagation,
    quantizers: Annotated[str, typer.Option(help="Comma list of quantizers.")] = DEFAULTS.quantizer,
    bits: Annotated[str, typer.Option(help="Comma list of widths; 32 is float32.")] = "32,8,4,2",
    seeds: opt.SeedsOption = 3,
    model: opt.ModelOption = DEFAULTS.model,
    steps: opt.StepsOption = DEFAULTS.num_steps,
    hidden: opt.HiddenOption = DEFAULTS.hidden_channels,
    order: opt.OrderOption = DEFAULTS.order,
    dropout: opt.DropoutOption = DEFAULTS.dropout,
    epochs: opt.EpochsOption = DEFAULTS.epochs,
    warm_epochs: opt.WarmEpochsOption = DEFAULTS.warm_epochs,
    split: opt.SplitOption = None,
    lr: opt.LearningRateOption = DEFAULTS.learning_rate,
    range_lr: opt.RangeRateOption = DEFAULTS.range_learning_rate,
    weight_decay: opt.WeightDecayOption = DEFAULTS.weight_decay,
    option: opt.PropagationOptions = None,
    model_option: opt.ModelOptions = None,
    weight_granularity: opt.GranularityOption = DEFAULTS.weight_granularity,
    threads: opt.TorchThreadsOption = DEFAULTS.num_threads,
    json: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Train a grid of data sets, propagations, quantizers and widths with the same seeds and splits.

    Each cell is a run folder under --out: a killed comparison goes on where it was.
    """
    names = parse_list(propagations, "--propagations")
    base = TrainConfig(
        data_root=data_root, split=split, epochs=epochs, warm_epochs=warm_epochs,
        learning_rate=lr, range_learning_rate=range_lr,
        model=model, model_options=parse_pairs(model_option, "--model-option"),
        weight_decay=weight_decay, hidden_channels=hidden, num_steps=steps, propagation=names[0],
        propagation_options=parse_pairs(option, "--option"), order=order, dropout=dropout,
        weight_granularity=weight_granularity, num_threads=threads,
    )  # fmt: skip
    grid = make_grid(
        base,
        parse_list(datasets, "--datasets"),
        names,
        parse_list(quantizers, "--quantizers"),
        parse_widths(bits),
    )
    output = Output(json)
    rows = _run(grid, out, seeds)
    _show(output, rows)
    output.finish({"rows": rows, "seeds": seeds})


def _run(grid: dict[str, TrainConfig], out: Path, seeds: int) -> list[dict[str, Any]]:
    loaded: dict[str, Dataset] = {}
    rows = []
    for index, (name, config) in enumerate(grid.items(), start=1):
        if config.dataset not in loaded:
            loaded = {config.dataset: load_dataset(config.dataset, config.data_root)}
        result = run_with_progress(
            config, out / name, range(seeds), loaded[config.dataset], f"[{index}/{len(grid)}] {name}"
        )
        rows.append(_row(name, config, result))
    return rows


def _row(name: str, config: TrainConfig, result: dict[str, Any]) -> dict[str, Any]:
    summary = result["summary"]
    test = summary["test_accuracy"]
    return {
        "run": name, "dataset": config.dataset, "model": config.model, "propagation": config.method,
        "quantizer": "none" if config.num_bits == 32 else config.quantizer, "num_bits": config.num_bits,
        "metric": summary["metric"], "split": result["rows"][0]["split"],
        "mean": test["mean"], "std": test["std"], "interval95": test["interval95"], "n": test["n"],
        "val_mean": summary["val_accuracy"]["mean"], "seconds": summary["seconds"],
        "test_accuracies": [row["test_accuracy"] for row in result["rows"]],
    }  # fmt: skip


def _show(output: Output, rows: list[dict[str, Any]]) -> None:
    columns = {
        "data set": "left", "propagation": "left", "quantizer": "left", "bits": "right",
        "test mean ± std": "right", "95% interval": "right", "seeds": "right", "seconds": "right",
    }  # fmt: skip
    table = make_table("Comparison", columns)
    for row in rows:
        has_spread = row["std"] is not None
        table.add_row(
            row["dataset"], row["propagation"], row["quantizer"], str(row["num_bits"]),
            f"{row['mean']:.4f} ± {row['std']:.4f}" if has_spread else f"{row['mean']:.4f}",
            f"± {row['interval95']:.4f}" if has_spread else "-", str(row["n"]), f"{row['seconds']:.0f}",
        )  # fmt: skip
    output.print(table)
