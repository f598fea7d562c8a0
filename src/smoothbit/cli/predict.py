"""`smoothbit predict`: needs neither torch nor any other extra when the graph comes from a file."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from smoothbit.atomic_file import atomic_file
from smoothbit.cli.options import DataRootOption, DebugOption, JsonOption, ThreadsOption
from smoothbit.cli.output import Output
from smoothbit.data import Dataset, load_dataset
from smoothbit.engine import Model, PreparedGraph, Result, load
from smoothbit.errors import ArgumentError
from smoothbit.formats import PackedFeatures, read_graph
from smoothbit.formats.schema import AggregateOp
from smoothbit.kernels import isa
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.numerics.node_order import NodeOrder


def predict(
    model: Annotated[Path, typer.Argument(help="Packed model file.")],
    out: Annotated[Path, typer.Option(help="NumPy archive to write: scores [N, C], labels [N].")],
    dataset: Annotated[
        str | None, typer.Option(help="Data set to run on [default: the one the model was trained on].")
    ] = None,
    data_root: DataRootOption = None,
    graph: Annotated[Path | None, typer.Option(help="Graph file to run on, instead of a data set.")] = None,
    threads: ThreadsOption = None,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Also write packed node embeddings: codes, step, offset.")
    ] = False,
    json: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Run a packed model: class scores and labels, without PyTorch."""
    if dataset is not None and graph is not None:
        raise typer.BadParameter("Expected one of --dataset and --graph (got both). Leave one out.")
    output = Output(json)
    packed = load(model)
    data = None if graph is not None else load_dataset(dataset or packed.info.dataset, data_root)
    knows_weights = any(isinstance(op, AggregateOp) and op.is_weighted for op in packed.plan.ops)
    adjacency, features, order = (
        (data.adjacency, data.features, None) if data is not None else _read(graph, knows_weights)
    )
    start = time.perf_counter()
    prepared = PreparedGraph(adjacency, order or "none")
    result = packed.run(prepared, features, num_threads=threads)
    seconds = time.perf_counter() - start
    arrays = {"scores": result.scores, "labels": result.labels}
    if embeddings:
        arrays |= _embedding(result)
    with atomic_file(out) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    summary = _summary(packed, result, seconds, threads, data)
    summary |= {"order": prepared.order.name, "setup_ms": prepared.setup.total_ms}
    output.print(_sentence(out, summary))
    output.finish({"out": str(out), **summary})


def _read(path: Path | None, knows_weights: bool) -> tuple[CSR, Features | PackedFeatures, NodeOrder | None]:
    assert path is not None
    graph = read_graph(path)
    adjacency = graph.adjacency if knows_weights else replace(graph.adjacency, values=None)
    return adjacency, graph.features, graph.order


def _embedding(result: Result) -> dict[str, Any]:
    if result.embedding is None:
        raise ArgumentError(
            "Expected the model to have packed embeddings (got a float32 model). Export one of 8 bits or less."
        )
    law = result.embedding.law
    return {
        "embedding_codes": result.embedding.codes(),
        "embedding_step": law.step,
        "embedding_offset": law.offset,
    }


def _summary(model: Model, result: Result, seconds: float, threads: int | None, data: Dataset | None) -> dict[str, Any]:
    """Return what the run was; test accuracy when the data set is the model's own."""
    summary: dict[str, Any] = {
        "num_nodes": len(result.labels),
        "num_classes": int(result.scores.shape[1]),
        "seconds": seconds,
        "isa": isa.chosen(),
        "threads": threads or isa.default_num_threads(),
    }
    if data is not None and data.name.lower() == model.info.dataset.lower() and data.metric == "accuracy":
        test = data.split(model.info.split or None).test
        summary["test_accuracy"] = float((result.labels == data.labels)[test].mean())
    return summary


def _sentence(out: Path, summary: dict[str, Any]) -> str:
    text = (
        f"{out}: {summary['num_nodes']} nodes, {summary['num_classes']} classes, "
        f"{summary['seconds'] * 1e3:.1f} ms on {summary['isa']}, threads: {summary['threads']}"
    )
    accuracy = summary.get("test_accuracy")
    return text if accuracy is None else f"{text}, test accuracy {accuracy:.4f}"
