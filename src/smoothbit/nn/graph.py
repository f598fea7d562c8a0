"""The prepared graph as tensors, for training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smoothbit.engine.graph import PreparedGraph
from smoothbit.errors import ArgumentError
from smoothbit.nn.sparse import SparsePattern


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
            column = torch.from_numpy(getattr(prepared, name))[:, None]
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
