"""`smoothbit info`: what a file holds; needs no extra."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smoothbit.cli.options import DebugOption, JsonOption
from smoothbit.cli.output import Output, human_bytes, make_table
from smoothbit.cli.plan_table import float32_bytes, plan_rows
from smoothbit.cli.printable import printable
from smoothbit.formats import PackedFeatures, PackedModel, model_bytes, read_graph, read_model
from smoothbit.formats.container import read_container
from smoothbit.kernels import isa
from smoothbit.numerics.csr import CSR


def info(
    file: Annotated[Path, typer.Argument(help="Model or graph file.")],
    json: JsonOption = None,
    debug: DebugOption = False,
) -> None:
    """Show what a model or graph file holds and how many bytes each part takes."""
    output = Output(json)
    is_graph = read_container(file).metadata.get("format") == "smoothbit-graph"
    result = _graph(file, output) if is_graph else _model(file, read_model(file), output)
    engine = {"isa": isa.chosen(), "isa_available": list(isa.available()), "notice": isa.notice()}
    output.print(f"Engine here: {engine['isa']} (available: {', '.join(isa.available())}).")
    if engine["notice"]:
        output.print(f"Notice: {engine['notice']}")
    output.finish({**result, "engine": engine})


def _model(path: Path, model: PackedModel, output: Output) -> dict[str, Any]:
    about, parts, rows = model.info, model_bytes(model), plan_rows(model.plan)
    full = float32_bytes(model.plan)
    ratio = full / parts["total"]
    width = "FP32" if about.num_bits == 32 else f"INT{about.num_bits} ({about.quantizer})"
    output.print(
        printable(
            f"{path}: {about.model} {width}, propagation {about.propagation}, "
            f"trained on {about.dataset or 'data without a name'} ({about.split or 'no split named'}), "
            f"{about.num_classes} classes, "
            f"smoothbit {about.library_version}"
        )
    )
    table = make_table("Plan", dict.fromkeys(("value", "operation", "shape", "bits"), "left"))
    for row in rows:
        table.add_row(str(row["value"]), row["operation"], row["shape"], row["bits"])
    output.print(table)
    sizes = make_table("Bytes", {"part": "left", "bytes": "right", "share": "right"})
    for part, count in parts.items():
        sizes.add_row(part, f"{count:,}", f"{count / parts['total']:.1%}")
    output.print(sizes)
    output.print(f"The same weights in float32: {human_bytes(full)}, {ratio:.1f} times the file.")
    return {
        "kind": "model", "bytes": parts, "float32_bytes": full, "ratio": ratio, "plan": rows,
        "info": {**vars(about)},
    }  # fmt: skip


def _graph(path: Path, output: Output) -> dict[str, Any]:
    graph = read_graph(path)
    features = graph.features
    if isinstance(features, PackedFeatures):
        kind = f"{features.codes.law.num_bits}-bit codes, {'dense' if features.pattern is None else 'sparse'}"
    elif isinstance(features.matrix, CSR):
        kind = "1-bit pattern, sparse" if features.matrix.values is None else "float32, sparse"
    else:
        kind = "float32, dense"
    result = {
        "kind": "graph", "name": graph.name, "num_nodes": graph.num_nodes,
        "num_entries": graph.adjacency.num_entries, "num_features": features.num_features, "features": kind,
        "num_classes": graph.num_classes, "has_labels": graph.labels is not None,
        "order": "none" if graph.order is None else graph.order.name,
        "bytes": path.stat().st_size,
    }  # fmt: skip
    table = make_table(f"{path}: graph", {"what": "left", "value": "right"})
    for name, value in result.items():
        table.add_row(name, printable(str(value)))
    output.print(table)
    return result
