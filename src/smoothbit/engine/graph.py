"""A graph made ready for message propagation: self-loops, degrees, incidence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.typing import Float32Array, Int16Array, Int32Array


@dataclass(frozen=True)
class Incidence:
    """Undirected edges i < j without self-loops, and the operator B with (B u)_e = u_i - u_j.

    Args:
        heads: Node i of each edge [M], int32.
        tails: Node j of each edge [M], int32.
        transposed: B' as CSR [N, M] without values; row i lists the edges of node i.
        signs: +1 or -1 for each entry of `transposed`, int16.
        row_signs: Sum of the signs of each row [N], float32.
    """

    heads: Int32Array
    tails: Int32Array
    transposed: CSR
    signs: Int16Array
    row_signs: Float32Array

    @cached_property
    def signed(self) -> CSR:
        """B' as CSR with float32 values +1 and -1."""
        t = self.transposed
        return CSR(t.indptr, t.indices, t.num_cols, self.signs.astype(np.float32))


class PreparedGraph:
    """Adjacency with self-loops A~ = A + I, its degrees d and their powers in float32.

    Args:
        adjacency: CSR [N, N] without values; row i lists the nodes that send to i. Existing
            self-loops are kept, missing ones added.

    Raises:
        ShapeError: `adjacency` is not square or has values.
    """

    def __init__(self, adjacency: CSR) -> None:
        self.csr = adjacency.with_self_loops()
        degree = self.csr.row_lengths.astype(np.float64)
        self.degree: Float32Array = degree.astype(np.float32)
        self.inv_degree: Float32Array = (1.0 / degree).astype(np.float32)
        self.sqrt_degree: Float32Array = np.sqrt(degree).astype(np.float32)
        self.rsqrt_degree: Float32Array = (1.0 / np.sqrt(degree)).astype(np.float32)

    @property
    def num_nodes(self) -> int:
        """Number of nodes N."""
        return self.csr.num_rows

    @property
    def max_degree(self) -> int:
        """Longest row of A~, self-loop included."""
        return int(self.csr.row_lengths.max(initial=0))

    @cached_property
    def incidence(self) -> Incidence:
        """Incidence operator of the undirected edges."""
        rows = self.csr.entry_rows()
        upper = rows < self.csr.indices
        heads, tails = rows[upper], self.csr.indices[upper]
        edges = np.arange(len(heads), dtype=np.int32)
        transposed = csr_from_coo(
            np.concatenate([heads, tails]), np.concatenate([edges, edges]), self.num_nodes, len(heads)
        )
        signs = np.where(heads[transposed.indices] == transposed.entry_rows(), 1, -1).astype(np.int16)
        row_signs = np.bincount(transposed.entry_rows(), weights=signs, minlength=self.num_nodes)
        return Incidence(heads, tails, transposed, signs, row_signs.astype(np.float32))
