"""`smoothbit compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smoothbit.bench.comparison import compare_cells
from smoothbit.cli import train_options as opt
from smoothbit.cli.options import (
    DataRootOption,
    DebugOption,
    JsonOption,
    parse_list,
    parse_pairs,
    parse_widths,
)
from smoothbit.cli.output import Output, human_bytes, make_table, progress_bar
from smoothbit.train import TrainConfig, make_grid
from smoothbit.train.cells import train_cells
from smoothbit.train.grid import place_grid
from smoothbit.train.grid_file import GridFile, parse_values, read_grid_file
from smoothbit.train.records import write_json
from smoothbit.train.states import study_depth

DEFAULTS = TrainConfig()
RESULT_FILE, STATES_FILE = "compare.json", "depth.json"
FIELDS = {
    "datasets": "dataset", "propagations": "propagation", "quantizers": "quantizer", "bits": "num_bits",
    "steps": "num_steps", "hidden": "hidden_channels", "lr": "learning_rate", "range_lr": "range_learning_rate",
    "option": "propagation_options", "threads": "num_threads",
}  # fmt: skip
"""Flags whose field of the recipe has another name."""
OTHERS = ("grid", "out", "seeds", "set_", "jobs", "verify", "budget", "states", "json", "debug")
"""Flags that are no field of the recipe."""


def compare(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder of run folders, one for each cell; finished cells are read.")],
    grid: Annotated[
        Path | None, typer.Argument(help="YAML file of the comparison; flags that are given replace its values.")
    ] = None,
    datasets: Annotated[str, typer.Option(help="Comma list of data sets.")] = DEFAULTS.dataset,
    data_root: DataRootOption = None,
    propagations: Annotated[str, typer.Option(help="Comma list of propagations.")] = DEFAULTS.propagation,
    quantizers: Annotated[str, typer.Option(help="Comma list of quantizers.")] = DEFAULTS.quantizer,
    bits: Annotated[str, typer.Option(help="Comma list of widths; 32 is float32.")] = "32,8,4,2",
    seeds: opt.SeedsOption = 3,
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
    weight_granularity: opt.GranularityOption = DEFAULTS.weight_granularity,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUES", help="Values of any field of the recipe, as YAML; repeatable."),
    ] = None,
    threads: opt.TorchThreadsOption = DEFAULTS.num_threads,
    jobs: Annotated[int, typer.Option(min=1, help="Cells trained at the same time, each in a process.")] = 1,
    verify: Annotated[str, typer.Option(help="Packed models to verify: of the best seed, or all.")] = "best",
    budget: Annotated[float, typer.Option(min=0, help="Seconds of timing for each packed model; 0 for none.")] = 1.0,
    states: Annotated[
        bool, typer.Option("--states", help="Also measure smoothness and quantization error of all hidden states.")
    ] = False,
    json: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Train every cell of a grid with the same seeds and splits; test, pack, verify and time them all.

    Each cell is a run folder under --out: a killed comparison goes on where it was. A cell that fails does not
    stop the others; the exit code is then 1.
    """
    output = Output(json)
    file = read_grid_file(grid) if grid is not None else GridFile()
    given = {
        name: value
        for name, value in context.params.items()
        if name not in OTHERS and (grid is None or _is_given(context, name))
    }
    flags = _axes(given) | _set_axes(set_)
    cells = place_grid(make_grid(file.base, [{**axes, **flags} for axes in file.grids]), out)
    num_seeds = seeds if file.seeds is None or _is_given(context, "seeds") else file.seeds
    result = _run(cells, out, num_seeds, jobs, verify, budget)
    write_json(out / RESULT_FILE, result)
    if states:
        _study(cells, result["failures"], out, num_seeds)
    _show(output, result)
    output.print(f"Next: smoothbit report {out}")
    output.finish(result)
    if result["failures"] or any(row["verified_seeds"] < row["packed_seeds"] for row in result["rows"]):
        raise typer.Exit(1)


def _is_given(context: typer.Context, name: str) -> bool:
    """Return whether a flag stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _axes(flags: dict[str, Any]) -> dict[str, list[object]]:
    """Return the values of the recipe's fields that flags stand for."""
    axes: dict[str, list[object]] = {}
    for name, value in flags.items():
        field = FIELDS.get(name, name)
        if name == "bits":
            axes[field] = [*parse_widths(value)]
        elif name == "option":
            axes[field] = [parse_pairs(value, "--option")]
        else:
            axes[field] = [*parse_list(value, f"--{name}")] if field != name and isinstance(value, str) else [value]
    return axes


def _set_axes(items: list[str] | None) -> dict[str, list[object]]:
    axes = {}
    for item in items or []:
        name, _, values = item.partition("=")
        axes[name] = parse_values(name, values, "--set")
    return axes


def _run(cells: dict[str, TrainConfig], out: Path, seeds: int, jobs: int, verify: str, budget: float) -> dict[str, Any]:
    with progress_bar("Cells trained", len(cells)) as advance:
        failures = train_cells(cells, out, range(seeds), jobs, advance)
    trained = {name: config for name, config in cells.items() if name not in failures}
    with progress_bar("Packed models", 1) as advance:
        result = compare_cells(
            trained, out, range(seeds), verify=verify, budget_s=budget, progress=lambda state: advance(0, state)
        )
    return {**result, "failures": failures}


def _study(cells: dict[str, TrainConfig], failures: dict[str, str], out: Path, seeds: int) -> None:
    trained = {name: config for name, config in cells.items() if name not in failures}
    with progress_bar("Hidden states", len(trained)) as advance:
        write_json(out / STATES_FILE, study_depth(trained, out, range(seeds), lambda state: advance(0, state)))


def _show(output: Output, result: dict[str, Any]) -> None:
    columns = {
        "cell": "left", "test mean ± std": "right", "95% interval": "right", "seeds": "right",
        "against FP32": "right", "p (t-test)": "right", "file": "right", "engine ms": "right", "verified": "right",
    }  # fmt: skip
    table = make_table("Comparison", columns)
    for row in result["rows"]:
        has_spread, p_value, engine_ms = row["std"] is not None, row.get("p_ttest"), row.get("engine_ms")
        difference, interval = row.get("difference"), row.get("difference_interval95")
        table.add_row(
            row["run"], f"{row['mean']:.4f}" + (f" ± {row['std']:.4f}" if has_spread else ""),
            f"± {row['interval95']:.4f}" if has_spread else "-", str(row["n"]),
            "-" if difference is None else f"{difference:+.4f}" + (f" ± {interval:.4f}" if interval else ""),
            "-" if p_value is None else f"{p_value:.3f}", human_bytes(row["packed_bytes"]),
            "-" if engine_ms is None else f"{engine_ms:.3f}", f"{row['verified_seeds']} of {row['packed_seeds']}",
        )  # fmt: skip
    output.print(table)
    for name, message in result["failures"].items():
        output.print(f"FAILED {name}: {message}", style="bold red")
