"""`smoothbit verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smoothbit.cli.options import DataRootOption, DebugOption, JsonOption, ThreadsOption
from smoothbit.cli.output import Output, make_table
from smoothbit.export import Verification, verify_run


def verify(
    run: Annotated[Path, typer.Argument(help="Run folder the model was exported from.")],
    model: Annotated[Path, typer.Argument(help="Packed model file.")],
    dataset: Annotated[str | None, typer.Option(help="Data set [default: the run's].")] = None,
    data_root: DataRootOption = None,
    threads: ThreadsOption = None,
    json: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Compare a packed model, stage by stage, with the float simulation of its network.

    Exit code 1 when a code or label differs, or scores differ by 1e-5 relative or more.
    """
    output = Output(json)
    result = verify_run(run, model, dataset=dataset, data_root=data_root, num_threads=threads)
    _show(output, result)
    output.finish(result.to_json())
    if not result.passed:
        raise typer.Exit(1)


def _show(output: Output, result: Verification) -> None:
    table = make_table("Engine against float simulation", {"what": "left", "value": "right"})
    table.add_row("stages with equal codes", f"{result.stages_equal} of {result.stages}")
    if result.first_difference is not None:
        table.add_row("first stage that differs", result.first_difference)
    table.add_row("equal labels", f"{result.label_agreement:.2%}")
    table.add_row("largest score difference", f"{result.max_abs_score_difference:.3g}")
    table.add_row("the same, relative", f"{result.max_relative_score_difference:.3g}")
    table.add_row("labels equal to fake-quantized float32", f"{result.fake_quantize_label_agreement:.2%}")
    table.add_row("instruction set, threads", f"{result.isa}, {result.threads}")
    output.print(table)
    output.print("Passed." if result.passed else "FAILED.", style=None if result.passed else "bold red")
