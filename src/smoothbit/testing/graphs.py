"""Small graphs and features with everything that is easily forgotten: isolated nodes, self-loops, empty rows."""

from __future__ import annotations

import numpy as np

from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.features import Features


def random_graph(num_nodes: int = 30, num_edges: int = 60, seed: int = 0) -> CSR:
    """Return a symmetric graph with an isolated node (the last one) and one self-loop (node 0)."""
    rng = np.random.default_rng(seed)
    heads = rng.integers(0, num_nodes - 1, num_edges)
    tails = rng.integers(0, num_nodes - 1, num_edges)
    pairs = {(int(i), int(j)) for i, j in zip(heads, tails, strict=True) if i != j}
    pairs |= {(j, i) for i, j in pairs} | {(0, 0)}
    rows, cols = np.array(sorted(pairs)).T
    return csr_from_coo(rows, cols, num_nodes, num_nodes)


def binary_features(num_nodes: int = 30, num_features: int = 20, seed: int = 0) -> Features:
    """Return row-normalised binary features; node 3 has none."""
    rng = np.random.default_rng(seed)
    mask = rng.random((num_nodes, num_features)) < 0.3
    mask[3] = False
    rows, cols = np.nonzero(mask)
    scale = (1 / np.maximum(mask.sum(axis=1), 1)).astype(np.float32)
    return Features(csr_from_coo(rows, cols, num_nodes, num_features), scale)
