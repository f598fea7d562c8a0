"""What a graph file holds: adjacency, features as they are or packed, labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smoothbit.errors import ShapeError
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.numerics.node_order import NodeOrder
from smoothbit.typing import Float32Array, Int32Array, Int64Array


@dataclass(frozen=True)
class PackedFeatures:
    """Feature matrix X = diag(row_scale) M whose entries are packed codes.

    Args:
        codes: All of M [N, F]; or, when M is sparse, its stored entries in order as one row [1, E].
        pattern: Places of the stored entries, `CSR` [N, F] without values, or None when M is dense.
        row_scale: Factor of each row [N], float32, or None for 1.

    Raises:
        ShapeError: the parts do not fit together.
    """

    codes: PackedTensor
    pattern: CSR | None = None
    row_scale: Float32Array | None = None

    def __post_init__(self) -> None:
        if self.pattern is not None and (
            self.pattern.values is not None or self.codes.shape != (1, self.pattern.num_entries)
        ):
            raise ShapeError(
                f"Expected `codes` to be [1, {self.pattern.num_entries}] and `pattern` to have no values "
                f"(got {list(self.codes.shape)}). Pack one code for each stored entry."
            )
        granularity = self.codes.law.granularity
        if self.pattern is not None and granularity != "per_tensor":
            raise ShapeError(
                f"Expected the law of sparse codes to be per_tensor (got {granularity}). Use `row_scale` for rows."
            )
        if self.row_scale is not None and (
            self.row_scale.dtype != np.float32 or self.row_scale.shape != (self.num_nodes,)
        ):
            raise ShapeError(
                f"Expected `row_scale` to be float32 [{self.num_nodes}] "
                f"(got {self.row_scale.dtype} {list(self.row_scale.shape)}). Pass one factor for each node."
            )

    @property
    def num_nodes(self) -> int:
        """Number of rows N."""
        return self.codes.num_rows if self.pattern is None else self.pattern.num_rows

    @property
    def num_features(self) -> int:
        """Number of columns F."""
        return self.codes.num_channels if self.pattern is None else self.pattern.num_cols

    def to_features(self) -> Features:
        """Return the features with codes dequantized to float32; a sparse matrix stays sparse."""
        if self.pattern is None:
            return Features(self.codes.dequantize(), self.row_scale)
        values = self.codes.dequantize()[0]
        return Features(CSR(self.pattern.indptr, self.pattern.indices, self.num_features, values), self.row_scale)


@dataclass(frozen=True)
class GraphFile:
    """A graph at rest.

    Args:
        adjacency: Row i lists the nodes that send to node i, `CSR` [N, N]; values are edge weights.
        features: Node features [N, F], as they are or packed.
        labels: Class of each node [N], int32 or int64, -1 where unknown; or None.
        name: Name of the graph.
        num_classes: Number of classes C, or None.
        order: Order of nodes that runs of this graph are to use, or None. Nothing else is stored in that order.

    Raises:
        ShapeError: adjacency, features, labels and order disagree in N.
    """

    adjacency: CSR
    features: Features | PackedFeatures
    labels: Int32Array | Int64Array | None = None
    name: str = ""
    num_classes: int | None = None
    order: NodeOrder | None = None

    def __post_init__(self) -> None:
        num_nodes = self.num_nodes
        if self.adjacency.num_cols != num_nodes:
            raise ShapeError(
                f"Expected `adjacency` to be square (got {num_nodes} x {self.adjacency.num_cols}). "
                "Use one node set for rows and columns."
            )
        if self.features.num_nodes != num_nodes:
            raise ShapeError(
                f"Expected `features` to have {num_nodes} rows (got {self.features.num_nodes}). "
                "Pass one row for each node."
            )
        labels = self.labels
        if labels is not None and (labels.dtype not in (np.int32, np.int64) or labels.shape != (num_nodes,)):
            raise ShapeError(
                f"Expected `labels` to be int32 or int64 [{num_nodes}] "
                f"(got {labels.dtype} {list(labels.shape)}). Pass one class for each node, -1 where unknown."
            )
        if self.order is not None and self.order.num_nodes != num_nodes:
            raise ShapeError(
                f"Expected `order` to have {num_nodes} nodes (got {self.order.num_nodes}). Use the order of this graph."
            )

    @property
    def num_nodes(self) -> int:
        """Number of nodes N."""
        return self.adjacency.num_rows

    def to_features(self) -> Features:
        """Return the features in float32: packed codes are dequantized, sparse ones stay sparse."""
        return self.features.to_features() if isinstance(self.features, PackedFeatures) else self.features
