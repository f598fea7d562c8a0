"""`smoothbit demo`: the whole of smoothbit on one small graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from smoothbit.bench.environment import describe_environment
from smoothbit.cli.demo_latency import time_models
from smoothbit.cli.options import DataRootOption, DebugOption, JsonOption, parse_widths
from smoothbit.cli.output import Output, human_bytes, make_table
from smoothbit.cli.training import run_with_progress
from smoothbit.data import Dataset, load_dataset
from smoothbit.export import Verification, export_run, verify_run
from smoothbit.quant import QUANTIZERS
from smoothbit.report import write_report
from smoothbit.train import TrainConfig, load_run_model
from smoothbit.train.records import write_json


def demo(
    out: Annotated[Path, typer.Option(help="Folder of runs, models, demo.json and report.")] = Path("runs/demo"),
    dataset: Annotated[str, typer.Option(help="Data set; digits is built in.")] = "digits",
    data_root: DataRootOption = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each width.")] = 3,
    bits: Annotated[str, typer.Option(help="Widths beside FP32.")] = "8,4,2",
    quantizer: Annotated[str, typer.Option(help=f"One of {', '.join(QUANTIZERS.names())}.")] = "qlr",
    propagation: Annotated[str, typer.Option(help="smp, appnp or gcn.")] = "smp",
    epochs: Annotated[int, typer.Option(help="Epochs.")] = 300,
    dropout: Annotated[float, typer.Option(help="Dropout probability.")] = 0.5,
    threads: Annotated[int, typer.Option(min=1, help="Threads of every side that is timed.")] = 1,
    budget: Annotated[float, typer.Option(help="Seconds of timing for each side.")] = 2.0,
    json: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Train, pack, run and time a small network at FP32 and at each width; write a report.

    Finished runs in --out are read, not trained again.
    """
    output = Output(json)
    data = load_dataset(dataset, data_root)
    base = TrainConfig(
        dataset=data.name, data_root=data_root, epochs=epochs, dropout=dropout,
        quantizer=quantizer, propagation=propagation,
    )  # fmt: skip
    widths = [32, *(width for width in parse_widths(bits) if width != 32)]
    trained = {width: _train(replace(base, num_bits=width), out, seeds, data) for width in widths}
    checked = {width: _pack(out, width, data_root) for width in widths}
    models = {width: model_path(out, width) for width in widths}
    latency = time_models(models, load_run_model(run_path(out, 32))[0], data, threads, budget)
    rows = [_row(width, out, trained[width], checked[width], latency) for width in widths]
    result = {
        "dataset": data.name, "split": trained[32]["rows"][0]["split"], "metric": data.metric,
        "seeds": seeds, "config": base.to_json(), "peer": latency["peer"],
        "peers_ms": latency["peers_ms"], "rows": rows, "environment": describe_environment(threads),
    }  # fmt: skip
    write_json(out / "demo.json", result)
    _show(output, result)
    page = write_report(out)[0]
    output.print(f"Report: {page}")
    output.finish(result)


def run_path(out: Path, width: int) -> Path:
    """Return the run folder of a width."""
    return out / ("fp32" if width == 32 else f"int{width}")


def model_path(out: Path, width: int) -> Path:
    """Return the packed model of a width."""
    return run_path(out, width).with_suffix(".smoothbit")


def _train(config: TrainConfig, out: Path, seeds: int, data: Dataset) -> dict[str, Any]:
    run = run_path(out, config.num_bits)
    run.mkdir(parents=True, exist_ok=True)
    return run_with_progress(config, run, range(seeds), data, f"Training {run.name}")


def _pack(out: Path, width: int, data_root: str | None) -> Verification:
    export_run(run_path(out, width), model_path(out, width))
    return verify_run(run_path(out, width), model_path(out, width), data_root=data_root)


def _row(
    width: int, out: Path, trained: dict[str, Any], checked: Verification, latency: dict[str, Any]
) -> dict[str, Any]:
    test = trained["summary"]["test_accuracy"]
    packed_bytes = model_path(out, width).stat().st_size
    full = sum(p.numel() * p.element_size() for p in load_run_model(run_path(out, 32))[0].parameters())
    engine, peer = latency["engine"][width], latency["peer_timing"]
    return {
        "bits": width, "accuracy_mean": test["mean"], "accuracy_std": test["std"], "accuracy_n": test["n"],
        "accuracy_interval95": test["interval95"],
        "accuracies": [row["test_accuracy"] for row in trained["rows"]],
        "packed_bytes": packed_bytes, "fp32_bytes": full, "size_ratio": full / packed_bytes,
        "engine_ms": engine.median_ms, "engine_q1_ms": engine.q1_ms, "engine_q3_ms": engine.q3_ms,
        "fp32_ms": peer.median_ms, "fp32_q1_ms": peer.q1_ms, "fp32_q3_ms": peer.q3_ms,
        "speedup": peer.median_ms / engine.median_ms, "label_agreement": checked.label_agreement,
        "stages": checked.stages, "stages_equal": checked.stages_equal, "verified": checked.passed,
        "train_seconds": trained["summary"]["seconds"],
    }  # fmt: skip


def _show(output: Output, result: dict[str, Any]) -> None:
    columns = {
        "width": "left", f"test {result['metric']} (mean ± std)": "right", "file": "right",
        "FP32 / file": "right", "engine ms (quartiles)": "right", "PyG FP32 ms": "right",
        "PyG / engine": "right", "equal labels": "right", "equal stages": "right",
    }  # fmt: skip
    machine = result["environment"]
    title = f"{result['dataset']}, {result['seeds']} seeds; {machine['isa']}, threads: {machine['threads']}"
    table = make_table(title, columns)
    for row in result["rows"]:
        deviation = "" if row["accuracy_std"] is None else f" ± {row['accuracy_std']:.4f}"
        table.add_row(
            "FP32" if row["bits"] == 32 else f"INT{row['bits']}", f"{row['accuracy_mean']:.4f}{deviation}",
            human_bytes(row["packed_bytes"]), f"{row['size_ratio']:.1f}",
            f"{row['engine_ms']:.2f} ({row['engine_q1_ms']:.2f} to {row['engine_q3_ms']:.2f})",
            f"{row['fp32_ms']:.2f}", f"{row['speedup']:.2f}", f"{row['label_agreement']:.2%}",
            f"{row['stages_equal']} of {row['stages']}",
        )  # fmt: skip
    output.print(table)
    output.print(f"PyG FP32 is the fastest of its ways here: {result['peer']}. Times are medians, interleaved.")
