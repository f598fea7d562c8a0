"""Run a plan: the one loop that both the engine and the float simulation use."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from smoothbit.engine.backend import Backend
from smoothbit.engine.graph import PreparedGraph
from smoothbit.engine.limits import check_bounds, check_memory
from smoothbit.engine.ops import OPS, Context
from smoothbit.engine.values import SparseCodes, SparseValues, Value
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.formats.graph_schema import PackedFeatures
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import FeaturesOp, LinearOp, Plan, op_sources
from smoothbit.numerics.features import Features
from smoothbit.typing import Float32Array, Int64Array


@dataclass(frozen=True)
class Result:
    """What a run gives.

    Args:
        scores: Class scores [N, C], float32; [G, C] after a readout.
        embedding: Packed node embeddings [N, H], or None when the plan names none.
        trace: Quantized stages by name, when asked for.
    """

    scores: Float32Array
    embedding: PackedTensor | None = None
    trace: dict[str, Value] = field(default_factory=dict)

    @cached_property
    def labels(self) -> Int64Array:
        """Class with the highest score [N], int64; the first one among equals."""
        labels: Int64Array = np.argmax(self.scores, axis=1).astype(np.int64)
        return labels


def run_plan(
    plan: Plan,
    graph: PreparedGraph,
    features: Features | PackedFeatures,
    backend: Backend,
    *,
    has_trace: bool = False,
) -> Result:
    """Run every operation of `plan`.

    Args:
        plan: Validated plan.
        graph: Prepared graph with N nodes.
        features: Node features [N, F], float32 or packed codes.
        backend: Executes primitives.
        has_trace: Whether to keep each quantized stage.

    Raises:
        ShapeError: features and graph differ in N, or F does not fit the model.
        ArgumentError: an int32 accumulator could overflow on this graph.
        MemoryLimitError: the values of the run are larger than the free memory.
    """
    if features.num_nodes != graph.num_nodes:
        raise ShapeError(
            f"Expected `features` to have {graph.num_nodes} rows, one for each node (got {features.num_nodes}). "
            "Use the features of this graph."
        )
    check_bounds(plan, graph, features)
    check_memory(plan, graph.num_nodes, graph.num_graphs)
    context = Context(graph, features, backend, trace={} if has_trace else None)
    for op in plan.ops:
        context.values.append(OPS.resolve(op.kind)(op, context))
    scores = context.dense(plan.scores)
    if isinstance(scores, PackedTensor):
        raise ArgumentError(
            f"Expected `scores` to be float32 (got codes in value {plan.scores}). Export the last update unquantized."
        )
    embedding = None if plan.embedding is None else context.values[plan.embedding]
    return Result(
        scores=scores,
        embedding=embedding if isinstance(embedding, PackedTensor) else None,
        trace=context.trace or {},
    )


def takes_sparse_features(plan: Plan) -> bool:
    """Return whether every operation of `plan` that reads the node features can read sparse ones."""
    laws = {k + 1: op.law for k, op in enumerate(plan.ops) if isinstance(op, FeaturesOp)}
    dense = (op for op in plan.ops if not isinstance(op, LinearOp) or op.rows is not None)
    others = {source for op in dense for source in op_sources(op)}
    return not others & laws.keys() and all(law is None or law.phase[0] == 0 for law in laws.values())


def same_codes(first: Value, second: Value) -> bool:
    """Return whether two traced stages hold the same integers (or, unquantized, the same float bits)."""
    if isinstance(first, PackedTensor) and isinstance(second, PackedTensor):
        return bool(np.array_equal(first.codes(), second.codes()))
    if isinstance(first, SparseCodes) and isinstance(second, SparseCodes):
        return bool(np.array_equal(first.row_sums, second.row_sums)) and (
            (first.weights is None and second.weights is None)
            or (
                first.weights is not None
                and second.weights is not None
                and np.array_equal(first.weights, second.weights)
            )
        )
    if isinstance(first, SparseValues) and isinstance(second, SparseValues):
        return first.matrix is second.matrix
    return type(first) is type(second) and bool(np.array_equal(first, second))  # type: ignore[arg-type]
