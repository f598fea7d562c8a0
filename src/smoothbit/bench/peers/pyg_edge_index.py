"""PyG EdgeIndex: an edge list sorted by row with a cached CSR, which multiplies through torch."""

from __future__ import annotations

import warnings

import numpy as np

from smoothbit.bench.peers.base import PEERS, Peer, Product, find_module


@PEERS.register("pyg-edge-index")
def pyg_edge_index(product: Product) -> Peer:
    """Prepare the product by `EdgeIndex.matmul`."""
    torch, geometric = find_module("torch"), find_module("torch_geometric")
    matrix = product.matrix
    rows_first = np.stack([matrix.entry_rows(), matrix.indices]).astype(np.int64)
    size = (matrix.num_rows, matrix.num_cols)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        edges = geometric.EdgeIndex(torch.from_numpy(rows_first), sparse_size=size, sort_order="row")
        edges.fill_cache_()
    weights, source = torch.from_numpy(matrix.values), torch.from_numpy(product.source)
    return Peer(lambda: edges.matmul(source, weights), matrix, product.source)
