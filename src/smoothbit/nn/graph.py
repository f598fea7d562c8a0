"""The prepared graph as tensors, for training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from smoothbit.engine.graph import PreparedGraph
from smoothbit.errors import ArgumentError
from smoothbit.nn.sparse import SparsePattern


def graph_from_tensors(
    num_nodes: int,
    edge_index: Tensor | None,
    edge_weight: Tensor | None = None,
    edge_type: Tensor | None = None,
    batch: Tensor | None = None,
    num_graphs: int | None = None,
) -> PreparedGraph:
    """Prepare the graph that a network of PyG is called with.

    Args:
        num_nodes: N.
        edge_index: Senders and receivers [2, E], or None for no edges.
        edge_weight: Weight of each edge [E] or [E, 1], any float dtype, or None.
        edge_type: Relation of each edge [E], or None.
        batch: Graph of each node [N], or None.
        num_graphs: G, or None for what `batch` says.

    Raises:
        ShapeError: an array has the wrong shape or dtype.
        ArgumentError: an index is out of range.
    """
    edges, weight, types, ids = (
        None if tensor is None else tensor.detach().cpu().numpy()
        for tensor in (edge_index, edge_weight, edge_type, batch)
    )
    return PreparedGraph.from_edge_index(
        np.zeros((2, 0), np.int64) if edges is None else edges,
        num_nodes,
        edge_weight=None if weight is None else weight.astype(np.float32, copy=False).reshape(-1),
        graph_ids=ids,
        num_graphs=num_graphs,
        edge_type=types,
    )


class TorchGraph(nn.Module):
    """Adjacency with self-loops A~ and the powers of its degrees, as non-persistent buffers.

    Args:
        prepared: Graph as the engine sees it, in the caller's order of nodes.

    Raises:
        ArgumentError: `prepared` is in another order.

    Shapes:
        inv_degree, sqrt_degree, rsqrt_degree: [N, 1] float32. heads, tails: [M] int64.
    """

    inv_degree: Tensor
    sqrt_degree: Tensor
    rsqrt_degree: Tensor

    def __init__(self, prepared: PreparedGraph) -> None:
        super().__init__()
        if not prepared.order.is_identity:
            raise ArgumentError(
                f"Expected `prepared` to be in the caller's order of nodes (got order '{prepared.order.name}'). "
                "Train on PreparedGraph(adjacency); orders are for the engine."
            )
        self.prepared = prepared
        self.adjacency = SparsePattern(prepared.csr)
        for name in ("inv_degree", "sqrt_degree", "rsqrt_degree"):
            column = torch.tensor(getattr(prepared, name))[:, None]
            self.register_buffer(name, column, persistent=False)

    @property
    def num_nodes(self) -> int:
        """Number of nodes N."""
        return self.prepared.num_nodes

    @property
    def num_entries(self) -> int:
        """Stored entries E of A~, self-loops included."""
        return self.prepared.csr.num_entries

    def mean(self, x: Tensor) -> Tensor:
        """Return D^-1 A~ x [N, F]."""
        return self.inv_degree * self.adjacency.matmul(None, x)
