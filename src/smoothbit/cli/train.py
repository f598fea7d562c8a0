"""`smoothbit train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smoothbit.cli import train_options as opt
from smoothbit.cli.options import DataRootOption, DebugOption, JsonOption, parse_pairs
from smoothbit.cli.output import Output, make_table
from smoothbit.cli.training import run_with_progress, spread
from smoothbit.errors import ArgumentError
from smoothbit.quant import QUANTIZERS
from smoothbit.train import TrainConfig

DEFAULTS = TrainConfig()


def train(
    out: Annotated[Path, typer.Option(help="Run folder; an unfinished run of the same recipe goes on.")],
    dataset: opt.DatasetOption = DEFAULTS.dataset,
    data_root: DataRootOption = None,
    bits: Annotated[int, typer.Option(help="1, 2, 4, 8, or 32 for float32.")] = DEFAULTS.num_bits,
    quantizer: Annotated[str, typer.Option(help=f"One of {', '.join(QUANTIZERS.names())}.")] = DEFAULTS.quantizer,
    model: opt.ModelOption = DEFAULTS.model,
    propagation: Annotated[str, typer.Option(help="smp, appnp, elastic or gcn.")] = DEFAULTS.propagation,
    steps: opt.StepsOption = DEFAULTS.num_steps,
    hidden: opt.HiddenOption = DEFAULTS.hidden_channels,
    order: opt.OrderOption = DEFAULTS.order,
    dropout: opt.DropoutOption = DEFAULTS.dropout,
    epochs: opt.EpochsOption = DEFAULTS.epochs,
    warm_epochs: opt.WarmEpochsOption = DEFAULTS.warm_epochs,
    distill: opt.DistillOption = DEFAULTS.distill_weight,
    gradual: opt.GradualOption = DEFAULTS.is_gradual,
    seeds: opt.SeedsOption = 1,
    split: opt.SplitOption = None,
    lr: opt.LearningRateOption = DEFAULTS.learning_rate,
    range_lr: opt.RangeRateOption = DEFAULTS.range_learning_rate,
    weight_decay: opt.WeightDecayOption = DEFAULTS.weight_decay,
    distill_weight_decay: opt.DistillDecayOption = DEFAULTS.distill_weight_decay,
    schedule: opt.ScheduleOption = DEFAULTS.schedule,
    lr_decay: Annotated[
        float, typer.Option(help="Factor of both rates at each decay of schedule step.")
    ] = DEFAULTS.lr_decay,
    decay_epochs: Annotated[int, typer.Option(help="Epochs between decays.")] = DEFAULTS.decay_epochs,
    option: opt.PropagationOptions = None,
    model_option: opt.ModelOptions = None,
    stage_bits: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE=BITS", help="Width of one stage, e.g. activations=8; repeatable."),
    ] = None,
    weight_granularity: opt.GranularityOption = DEFAULTS.weight_granularity,
    grid: opt.GridOption = DEFAULTS.grid,
    coding: opt.CodingOption = DEFAULTS.coding,
    threads: opt.TorchThreadsOption = DEFAULTS.num_threads,
    json: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Train a network with several seeds into a run folder.

    The epoch is selected on validation nodes. A killed run goes on where it was when the same command
    is given again.
    """
    config = TrainConfig(
        dataset=dataset, data_root=data_root, split=split, epochs=epochs, warm_epochs=warm_epochs, learning_rate=lr,
        distill_weight=distill, is_gradual=gradual, range_learning_rate=range_lr, weight_decay=weight_decay,
        distill_weight_decay=distill_weight_decay, schedule=schedule, lr_decay=lr_decay, decay_epochs=decay_epochs,
        model=model, model_options=parse_pairs(model_option, "--model-option"),
        hidden_channels=hidden, num_steps=steps, propagation=propagation,
        propagation_options=parse_pairs(option, "--option"), order=order, dropout=dropout,
        quantizer=quantizer, num_bits=bits, stage_bits=_stage_bits(stage_bits),
        weight_granularity=weight_granularity, grid=grid, coding=coding, num_threads=threads,
    )  # fmt: skip
    output = Output(json)
    result = run_with_progress(config, out, range(seeds))
    _show(output, config, result)
    output.print(f"Run folder: {out}. Next: smoothbit export {out} --out model.smoothbit")
    output.finish(result)


def _stage_bits(items: list[str] | None) -> dict[str, int]:
    pairs = parse_pairs(items, "--stage-bits")
    for value in pairs.values():
        if not isinstance(value, int):
            raise ArgumentError(f"Expected `--stage-bits` to be whole numbers (got {value!r}). Use 1, 2, 4, 8 or 32.")
    return {stage: value for stage, value in pairs.items() if isinstance(value, int)}


def _show(output: Output, config: TrainConfig, result: dict[str, Any]) -> None:
    rows, summary = result["rows"], result["summary"]
    width = "FP32" if config.num_bits == 32 else f"INT{config.num_bits} {config.quantizer}"
    table = make_table(
        f"{config.dataset}, {config.method}, {width}, split {rows[0]['split'].split('/')[0]}",
        {"seed": "right", "validation": "right", "test": "right", "best epoch": "right", "seconds": "right"},
    )
    for row in rows:
        table.add_row(
            str(row["seed"]), f"{row['val_accuracy']:.4f}", f"{row['test_accuracy']:.4f}",
            f"{row['best_epoch']} of {row['epochs']}", f"{row['seconds']:.1f}",
        )  # fmt: skip
    output.print(table)
    output.print(f"Test {summary['metric']}: {spread(summary['test_accuracy'])}")
