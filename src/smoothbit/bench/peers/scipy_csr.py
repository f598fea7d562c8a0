"""SciPy's CSR matrix with int32 indices; always one thread."""

from __future__ import annotations

from typing import Any

import numpy as np

from smoothbit.bench.peers.base import PEERS, Peer, Product, find_module
from smoothbit.numerics.csr import CSR


@PEERS.register("scipy-csr")
def scipy_csr(product: Product) -> Peer:
    """Prepare the product by `scipy.sparse.csr_matrix`."""
    matrix, source = csr_matrix(product.matrix), product.source
    return Peer(lambda: matrix @ source, product.matrix, source)


def csr_matrix(matrix: CSR) -> Any:
    """Return a matrix with values as a SciPy CSR matrix.

    Raises:
        PeerSkippedError: SciPy is not installed.
    """
    sparse = find_module("scipy.sparse")
    parts = (matrix.values, matrix.indices, matrix.indptr.astype(np.int32))
    return sparse.csr_matrix(parts, shape=(matrix.num_rows, matrix.num_cols))
