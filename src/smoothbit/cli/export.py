"""`smoothbit export`."""

from __future__ import annotations

import importlib
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from smoothbit.cli.options import DataRootOption, DebugOption, JsonOption
from smoothbit.cli.output import Output, human_bytes
from smoothbit.data import load_dataset
from smoothbit.engine import ORDERS, Model, PreparedGraph
from smoothbit.export import export_graph, export_run
from smoothbit.formats import PackedModel, write_model
from smoothbit.train.run_folder import read_config


class Format(str, Enum):
    """Kinds of model files."""

    SMOOTHBIT = "smoothbit"
    ONNX = "onnx"


def export(
    run: Annotated[Path, typer.Argument(help="Run folder of `smoothbit train`.")],
    out: Annotated[Path, typer.Option(help="Model file to write, by convention *.smoothbit or *.onnx.")],
    file_format: Annotated[
        Format, typer.Option("--format", help="The engine's own file, or ONNX for other runtimes.")
    ] = Format.SMOOTHBIT,
    seed: Annotated[int | None, typer.Option(help="Seed [default: the best on validation].")] = None,
    graph_out: Annotated[
        Path | None, typer.Option(help="Also write the data set as a graph file, for `predict --graph`.")
    ] = None,
    order: Annotated[
        str, typer.Option(help="Order of nodes kept in the graph file: none, degree, rcm or locality.")
    ] = "none",
    pack_features: Annotated[
        bool, typer.Option("--pack-features", help="Keep the features in the graph file as the codes this model reads.")
    ] = False,
    data_root: DataRootOption = None,
    json: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Pack a trained network into one file, ranges and multipliers frozen."""
    ORDERS.resolve(order)
    if graph_out is None and order.lower() != "none":
        raise typer.BadParameter(f"Expected --order to come with --graph-out (got '{order}' alone). Name a graph file.")
    if graph_out is None and pack_features:
        raise typer.BadParameter("Expected --pack-features to come with --graph-out (got it alone). Name a graph file.")
    output = Output(json)
    is_onnx = file_format is Format.ONNX
    packed = export_run(run, None, seed)
    if graph_out is not None:  # what cannot be packed is refused before there is a file
        config = read_config(run)
        data = load_dataset(config.dataset, data_root or config.data_root)
        features = Model(packed).pack_features(data.features) if pack_features else data.features
    agreement: dict[str, Any] = {}
    if is_onnx:
        agreement = _write_onnx(packed, out, run, data_root)
    else:
        write_model(out, packed)
    training = packed.info.training
    size = out.stat().st_size
    result = {
        "model": str(out), "bytes": size, "num_bits": packed.info.num_bits,
        "quantizer": packed.info.quantizer, "seed": training["seed"],
        "val_accuracy": training["val_accuracy"], "test_accuracy": training["test_accuracy"],
        **agreement,
    }  # fmt: skip
    output.print(f"{out}: {human_bytes(size)}, seed {training['seed']}, test {training['test_accuracy']:.4f}")
    if is_onnx:
        output.print(
            f"onnxruntime and the engine: label agreement {agreement['label_agreement']:.4f}, "
            f"largest difference of scores {agreement['max_abs_difference']:.3g}"
        )
    if graph_out is not None:
        prepared = PreparedGraph(data.adjacency, order)
        export_graph(data, graph_out, prepared.order, features)
        size, find_ms = graph_out.stat().st_size, prepared.setup.find_ms
        result |= {"graph": str(graph_out), "graph_bytes": size, "order": prepared.order.name, "setup_ms": find_ms}
        note = "" if prepared.order.is_identity else f", order {prepared.order.name} found in {find_ms:.1f} ms"
        output.print(f"{graph_out}: {human_bytes(size)}, graph of {config.dataset}{note}")
    output.finish(result)


def _write_onnx(packed: PackedModel, out: Path, run: Path, data_root: str | None) -> dict[str, Any]:
    """Write the model as ONNX and return what the comparison on its own data set found."""
    onnx = importlib.import_module("smoothbit.export.onnx")
    config = read_config(run)
    data = load_dataset(config.dataset, data_root or config.data_root)
    report = onnx.export_onnx(packed, out, onnx.dataset_example(data)).to_json()
    names = ("opset", "inputs", "num_rows", "label_agreement", "num_ties", "max_abs_difference")
    return {name: report[name] for name in names}
