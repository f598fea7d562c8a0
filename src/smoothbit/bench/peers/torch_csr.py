"""torch.sparse.mm on a CSR tensor with int32 indices, which is the faster of its two index types."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from smoothbit.bench.peers.base import PEERS, Peer, Product, find_module
from smoothbit.numerics.csr import CSR


@PEERS.register("torch-sparse-mm")
def torch_csr(product: Product) -> Peer:
    """Prepare the product by `torch.sparse.mm`."""
    torch = find_module("torch")
    matrix, source = csr_tensor(product.matrix), torch.from_numpy(product.source)
    return Peer(lambda: torch.sparse.mm(matrix, source), product.matrix, product.source)


def csr_tensor(matrix: CSR) -> Any:
    """Return a matrix with values as a torch CSR tensor.

    Raises:
        PeerSkippedError: torch is not installed.
    """
    torch = find_module("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "Sparse CSR tensor support is in beta state"
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int32)),
            torch.from_numpy(matrix.indices),
            torch.from_numpy(matrix.values),
            (matrix.num_rows, matrix.num_cols),
        )
