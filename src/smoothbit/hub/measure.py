"""Measure what a model card states: accuracy and latency of the packed model on one graph."""

from __future__ import annotations

from smoothbit.bench.environment import cpu_model
from smoothbit.bench.timer import measure
from smoothbit.engine import Model, PreparedGraph
from smoothbit.errors import ShapeError
from smoothbit.hub.card import Measurement
from smoothbit.kernels import isa
from smoothbit.numerics.features import Features
from smoothbit.typing import BoolArray, Int64Array


def measure_model(
    model: Model,
    graph: PreparedGraph,
    features: Features,
    labels: Int64Array | None = None,
    mask: BoolArray | None = None,
    *,
    name: str,
    num_threads: int | None = None,
    budget_s: float = 2.0,
) -> Measurement:
    """Run a packed model, compare its labels and time it.

    Args:
        model: Packed model.
        graph: Prepared graph with N nodes.
        features: Node features [N, F].
        labels: True classes [N], int64 ([G] for a model of whole graphs), or None.
        mask: Which labels count [N], bool, or None for all.
        name: Name of the graph, e.g. "Cora, public test split".
        num_threads: Threads of the engine, or None for its default.
        budget_s: Seconds of timing.

    Raises:
        ShapeError: labels or mask are not as long as the scores.
        ArgumentError: `budget_s` is not positive.
    """
    session = model.session(graph, features, num_threads=num_threads)
    predicted = session.run().labels.copy()
    for what, array in (("labels", labels), ("mask", mask)):
        if array is not None and array.shape != predicted.shape:
            raise ShapeError(
                f"Expected `{what}` to be [{len(predicted)}], one for each row of scores (got {list(array.shape)}). "
                "Pass those of this graph."
            )
    timing = measure({"run": session.run}, budget_s)["run"]
    is_right = None if labels is None else (predicted == labels)[... if mask is None else mask]
    return Measurement(
        graph=name,
        nodes=graph.num_nodes,
        edges=graph.edges(has_loops=True).csr.num_entries,
        accuracy=float(is_right.mean()) if is_right is not None and len(is_right) else None,
        evaluated=0 if is_right is None else len(is_right),
        latency_ms=(timing.q1_ms, timing.median_ms, timing.q3_ms),
        samples=timing.samples,
        threads=num_threads or isa.default_num_threads(),
        isa=isa.chosen(),
        cpu=cpu_model(),
    )
