"""The engine's public face: load a packed model, run it on a graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smoothbit.engine.backend import KernelBackend
from smoothbit.engine.graph import PreparedGraph
from smoothbit.engine.ops.features import check_width, is_row_binary, pack_features
from smoothbit.engine.runner import Result, run_plan, takes_sparse_features
from smoothbit.engine.session import Session
from smoothbit.errors import ArgumentError
from smoothbit.formats.graph_schema import PackedFeatures
from smoothbit.formats.packed_model import PackedModel, read_model
from smoothbit.formats.schema import FeaturesOp, ModelInfo, Plan
from smoothbit.kernels import time_limit
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import AnyArray


@dataclass(frozen=True)
class Model:
    """A packed model in memory.

    Args:
        packed: Plan and information as read from the file.
    """

    packed: PackedModel

    @property
    def plan(self) -> Plan:
        """Operations of the model."""
        return self.packed.plan

    @property
    def info(self) -> ModelInfo:
        """What the file says about the model."""
        return self.packed.info

    def features(self, x: AnyArray) -> Features:
        """Return a dense matrix in the form in which this model reads it fastest.

        Args:
            x: Node features [N, F], any float dtype.

        Returns:
            Sparse features where `x` has few entries that are not 0 and every operation that reads it can take
            those, dense ones otherwise.

        Raises:
            ShapeError: `x` is not a matrix.
            ArgumentError: a value is NaN or infinite.
        """
        if takes_sparse_features(self.plan):
            laws = [op.law for op in self.plan.ops if isinstance(op, FeaturesOp)]
            return Features.from_dense(x, splits_rows=all(map(is_row_binary, laws)))
        return Features(np.ascontiguousarray(x, dtype=np.float32))

    def pack_features(self, features: Features) -> Features | PackedFeatures:
        """Return features as the codes that this model reads: for a graph file, or to keep them small in memory.

        Args:
            features: Node features [N, F], float32.

        Returns:
            Packed codes, with which `run` gives the same bits. Sparse features whose entries are all 1 are returned
            as they are: their pattern says everything.

        Raises:
            ShapeError: the model was trained on another number of features.
            ArgumentError: the model reads its features in float32, or the features are none that it can read.
        """
        ops = [op for op in self.plan.ops if isinstance(op, FeaturesOp)]
        laws = [op.law for op in ops if op.law is not None]
        if len(ops) != 1 or len(laws) != 1:
            raise ArgumentError(
                f"Expected a model that reads its features once, as codes (got {len(ops)} readers, {len(laws)} of "
                "codes). Keep the features of this model in float32."
            )
        check_width(features, ops[0])
        return pack_features(features, laws[0], KernelBackend())

    def run(
        self,
        graph: CSR | PreparedGraph,
        features: Features | PackedFeatures,
        *,
        num_threads: int | None = None,
        has_trace: bool = False,
        timeout_s: float | None = None,
    ) -> Result:
        """Compute class scores for every node.

        Args:
            graph: Adjacency CSR [N, N], row i listing the nodes that send to i (prepared on the fly), or a
                `PreparedGraph` to reuse across runs, to choose an order of nodes, or with graphs and relations.
                Features and results are in the caller's order whatever it is.
            features: Node features [N, F]. Packed codes of the model's own law (`pack_features`), which may be
                mapped from a graph file, are used in place; those of another law are decoded.
            num_threads: Threads inside each kernel; None for $SMOOTHBIT_NUM_THREADS or all cores.
                The result does not depend on it.
            has_trace: Whether to keep each quantized stage in `Result.trace`.
            timeout_s: Time limit, seconds, or None. The run ends between two kernel calls, each of which is at
                most one step over the whole graph, and so it does at Ctrl-C.

        Returns:
            Scores [N, C] float32, labels [N] int64, packed embeddings.

        Raises:
            ShapeError: sizes of graph, features and model do not fit.
            ArgumentError: an int32 accumulator could overflow on this graph.
            MemoryLimitError: the values of the run are larger than the free memory.
            TimeLimitError: the run did not end within `timeout_s`.
        """
        with time_limit(timeout_s):
            prepared = graph if isinstance(graph, PreparedGraph) else PreparedGraph(graph)
            return run_plan(self.plan, prepared, features, KernelBackend(num_threads), has_trace=has_trace)

    def session(
        self, graph: CSR | PreparedGraph, features: Features | PackedFeatures, *, num_threads: int | None = None
    ) -> Session:
        """Bind the model to a graph and feature arrays, for repeated runs without preparation.

        Args:
            graph: As in `run`.
            features: As in `run`; dense float32 ones are read anew at each run.
            num_threads: As in `run`.

        Raises:
            ShapeError: sizes of graph, features and model do not fit.
            ArgumentError: an int32 accumulator could overflow on this graph.
            MemoryLimitError: the values of the run are larger than the free memory.
        """
        prepared = graph if isinstance(graph, PreparedGraph) else PreparedGraph(graph)
        return Session(self.plan, prepared, features, num_threads)


def load(path: str | Path) -> Model:
    """Read and validate a packed model.

    Args:
        path: File written by `smoothbit export`.

    Raises:
        FormatError: the file is not a valid model; the subclass says how.
    """
    return Model(read_model(path))
