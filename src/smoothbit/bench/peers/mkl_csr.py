"""Intel MKL's sparse product through sparse-dot-mkl, which takes SciPy matrices."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from smoothbit.bench.peers.base import PEERS, Peer, Product, find_module
from smoothbit.bench.peers.scipy_csr import csr_matrix


@PEERS.register("mkl-csr")
def mkl_csr(product: Product) -> Peer:
    """Prepare the product by `sparse_dot_mkl.dot_product_mkl`."""
    _point_to_mkl()
    mkl = find_module("sparse_dot_mkl")
    mkl.mkl_set_num_threads(product.num_threads)
    matrix, source = csr_matrix(product.matrix), product.source
    return Peer(lambda: mkl.dot_product_mkl(matrix, source), product.matrix, source)


def _point_to_mkl() -> None:
    """Name the library of the `mkl` wheel: it lies in the environment, where no loader looks."""
    found = sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))
    if found:
        os.environ.setdefault("MKL_RT", str(found[-1]))
