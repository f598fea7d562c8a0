"""Write a plan as ONNX; what was written runs in onnxruntime on an example and must agree with the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from smoothbit.atomic_file import atomic_file
from smoothbit.data import Dataset
from smoothbit.engine import Model, PreparedGraph
from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.export.onnx.ops import Scope
from smoothbit.export.onnx.writer import INPUTS, OPSET, Writer
from smoothbit.formats import PackedModel, read_model
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.numerics.features import Features
from smoothbit.typing import AnyArray, Float32Array

TIE = 1e-5
"""Two labels are tied when their scores differ by at most this share of the largest score: the last bits of a
float32 sum are another library's choice."""
MAX_FLIPS = 1e-3
"""Share of labels that may differ otherwise, in plans whose float32 results are quantized again: where onnxruntime's
last bit of a sum or an exponential is another one, a value near a rounding boundary becomes another code."""


@dataclass(frozen=True)
class OnnxReport:
    """What was written, and how it compares with the engine on the example.

    Args:
        path: File.
        bytes: Its size.
        opset: Version of the operators.
        inputs: Names of its inputs.
        num_rows: Rows of scores compared.
        label_agreement: Share of rows with equal labels.
        num_ties: Rows with another label that are ties of the engine.
        max_abs_difference: Largest difference of a score.
        max_relative_difference: The same over the largest absolute score.
    """

    path: str
    bytes: int
    opset: int
    inputs: tuple[str, ...]
    num_rows: int
    label_agreement: float
    num_ties: int
    max_abs_difference: float
    max_relative_difference: float

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return asdict(self)


def export_onnx(model: PackedModel | Model | str | Path, path: str | Path, example: object) -> OnnxReport:
    """Write a packed model as ONNX, after a run in onnxruntime agreed with the engine.

    Codes at rest take their width: UINT8, UINT4, and for 1 and 2 bits packed bytes with nodes that unpack them. Sums
    are integers, float32 operations have the engine's order, so that scores are equal bit for bit wherever onnxruntime
    rounds each operation once. Shapes are dynamic.

    Args:
        model: Packed model, or the path of its file.
        path: Target, by convention `*.onnx`; replaced in one step.
        example: Inputs to compare on, arrays or tensors: (x [N, F], edge_index [2, E]), a PyG `Data`, or a mapping
            of `x`, `edge_index`, `edge_weight`, `edge_type`, `batch`, and `row_scale` [N] for a model whose features
            have a factor for each row (`Features.row_scale`; `x` then holds the matrix without it). Without
            `edge_weight` the graph takes all weights as 1, without `batch` all nodes as one graph.

    Raises:
        ArgumentError: the example lacks an input, or onnxruntime gives other labels than the engine.
        UnsupportedError: an operation has no ONNX nodes here; nothing is written.
        MissingExtraError: onnx or onnxruntime is not installed.
        WriteError: the file cannot be written.
    """
    packed = (
        model if isinstance(model, PackedModel) else model.packed if isinstance(model, Model) else read_model(model)
    )
    given = example_inputs(example)
    features = _features(Model(packed), given)
    writer = Writer(tuple(given), splits_rows=features.row_scale is not None)
    scope = Scope(writer)
    for op in packed.plan.ops:
        scope.write(op)
    info = packed.info
    metadata = {
        "library_name": "smoothbit",
        "library_version": info.library_version,
        "quantizer": info.quantizer,
        "num_bits": str(info.num_bits),
    }
    data = writer.model(info.model, scope.value(packed.plan.scores).name, metadata).SerializeToString()
    scores = _run_onnx(data, {name: given[name] for name in writer.inputs})
    agreement = _compare(_run_engine(Model(packed), given, features), scores, is_exact=writer.is_exact)
    with atomic_file(path) as file:
        file.write(data)
    inputs = tuple(name for name in INPUTS if name in writer.inputs)
    return OnnxReport(str(path), len(data), OPSET, inputs, len(scores), **agreement)


def example_inputs(example: object) -> dict[str, AnyArray]:
    """Return an example as arrays of the dtypes of `INPUTS`.

    Raises:
        ArgumentError: it is neither a mapping nor a tuple nor a graph with `x` and `edge_index`.
    """
    if isinstance(example, Mapping):
        named = dict(example)
    elif isinstance(example, (tuple, list)):
        named = dict(zip(("x", "edge_index", "edge_weight"), example, strict=False))
    else:
        named = {name: getattr(example, name, None) for name in INPUTS}
    named = {name: value for name, value in named.items() if value is not None}
    unknown = sorted(set(named) - set(INPUTS))
    if unknown or not {"x", "edge_index"} <= set(named):
        raise ArgumentError(
            f"Expected `example` to name inputs among {', '.join(INPUTS)}, `x` and `edge_index` at least "
            f"(got {', '.join(map(str, named)) or type(example).__name__}). Pass (x, edge_index) or a mapping."
        )
    dtypes = {name: np.float32 if kind == 1 else np.int64 for name, (kind, _) in INPUTS.items()}
    return {name: np.ascontiguousarray(np.asarray(value), dtype=dtypes[name]) for name, value in named.items()}


def dataset_example(dataset: Dataset) -> dict[str, AnyArray]:
    """Return a data set as inputs of `export_onnx`; sparse features become a dense matrix and a factor of each row."""
    features, adjacency = dataset.features, dataset.adjacency
    example: dict[str, AnyArray] = {
        "x": features.to_dense(),
        "edge_index": np.stack([adjacency.indices, adjacency.entry_rows()]),
    }
    if features.is_sparse:
        example["x"] = Features(features.matrix).to_dense()
        ones = np.ones(features.num_nodes, dtype=np.float32)
        example["row_scale"] = ones if features.row_scale is None else features.row_scale
    return example


def _features(model: Model, given: Mapping[str, AnyArray]) -> Features:
    """Return the features as the engine reads them: with factors of rows as `model.features` finds them, else dense.

    Raises:
        UnsupportedError: a factor is negative.
    """
    x = given["x"]
    if "row_scale" in given:
        rows, columns = np.nonzero(x)
        return Features(csr_from_coo(rows, columns, x.shape[0], x.shape[1], x[rows, columns]), given["row_scale"])
    features = model.features(x)
    if features.row_scale is None:
        return Features(x)
    if (features.row_scale <= 0).any():
        raise UnsupportedError(
            f"Expected the number of each row of `x` to be > 0 (got {features.row_scale.min()}). "
            "Pass `x` and `row_scale` apart."
        )
    return features


def _run_engine(model: Model, given: Mapping[str, AnyArray], features: Features) -> Float32Array:
    graph = PreparedGraph.from_edge_index(
        given["edge_index"],
        features.num_nodes,
        edge_weight=given.get("edge_weight"),
        edge_type=given.get("edge_type"),
        graph_ids=given.get("batch"),
    )
    return model.run(graph, features).scores


def _run_onnx(data: bytes, inputs: Mapping[str, AnyArray]) -> Float32Array:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    scores: Float32Array = session.run(["scores"], dict(inputs))[0]
    return scores


def _compare(expected: Float32Array, found: Float32Array, *, is_exact: bool) -> dict[str, Any]:
    """Return the comparison of two arrays of scores.

    Raises:
        ArgumentError: more labels differ than ties and, in plans that quantize float32 results, rounding explain.
    """
    rows = np.arange(len(expected))
    labels, others = expected.argmax(axis=1), found.argmax(axis=1)
    largest = float(np.abs(expected).max(initial=0))
    is_tie = expected[rows, labels] - expected[rows, others] <= TIE * largest
    num_ties, num_flips = int(((labels != others) & is_tie).sum()), int((~is_tie).sum())
    difference = float(np.abs(expected - found).max(initial=0))
    allowed = 0 if is_exact else max(1, int(MAX_FLIPS * len(rows)))
    if found.shape != expected.shape or num_flips > allowed:
        raise ArgumentError(
            f"Expected onnxruntime {onnxruntime.__version__} to give the engine's labels but for {allowed} rows (got "
            f"{num_flips} others of {len(rows)}, largest difference of scores {difference:.3g}). Nothing was written; "
            "report this model, and run it with the engine."
        )
    return {
        "label_agreement": float((labels == others).mean()) if len(rows) else 1.0,
        "num_ties": num_ties,
        "max_abs_difference": difference,
        "max_relative_difference": difference / largest if largest else 0.0,
    }
