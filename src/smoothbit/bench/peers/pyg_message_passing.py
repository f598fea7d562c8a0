"""PyG message passing along an edge list with weights, as one step of `torch_geometric.nn.APPNP`.

`SimpleConv` is PyG's `MessagePassing` with nothing around it: gather, weigh, scatter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from smoothbit.bench.peers.base import PEERS, Peer, Product, check_message_memory, find_module
from smoothbit.numerics.csr import CSR


@PEERS.register("pyg-message-passing")
def pyg_message_passing(product: Product) -> Peer:
    """Prepare one weighted gather and scatter."""
    torch, nn = find_module("torch"), find_module("torch_geometric.nn")
    check_message_memory(product)
    layer = nn.SimpleConv(aggr="sum")
    edges = edge_list(product.matrix)
    weights, source = torch.from_numpy(product.matrix.values), torch.from_numpy(product.source)

    def call() -> Any:
        with torch.no_grad():
            return layer(source, edges, weights)

    return Peer(call, product.matrix, product.source)


def edge_list(matrix: CSR) -> Any:
    """Return PyG's edge index [2, E], int64: senders (columns), then receivers (rows)."""
    torch = find_module("torch")
    return torch.from_numpy(np.stack([matrix.indices, matrix.entry_rows()]).astype(np.int64))
