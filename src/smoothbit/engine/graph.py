"""A graph made ready for message propagation: self-loops, order of nodes, degrees, incidence."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smoothbit.engine.order import make_order
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.node_order import NodeOrder, inverse
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


@dataclass(frozen=True)
class SetupTime:
    """What an order of nodes costs once, in milliseconds of wall-clock time.

    Args:
        find_ms: Making the order; 0 when it was given.
        apply_ms: Permuting the graph.
    """

    find_ms: float
    apply_ms: float

    @property
    def total_ms(self) -> float:
        """Both together."""
        return self.find_ms + self.apply_ms


class PreparedGraph:
    """Adjacency with self-loops A~ = A + I, its degrees d and their powers in float32.

    All arrays are in the order of nodes that is chosen here. Runs take features and give results in
    the caller's order whatever it is.

    Args:
        adjacency: CSR [N, N] without values; row i lists the nodes that send to i. Existing
            self-loops are kept, missing ones added.
        order: Registered order of nodes, or one made before for this graph.

    Attributes:
        order: The order of nodes.
        setup: What the order cost.

    Raises:
        ShapeError: `adjacency` is not square or has values, or `order` is one of another graph.
        ArgumentError: no such order.
    """

    def __init__(self, adjacency: CSR, order: str | NodeOrder = "none") -> None:
        graph = adjacency.with_self_loops()
        begin = time.perf_counter()
        self.order = order if isinstance(order, NodeOrder) else make_order(graph, order)
        found = time.perf_counter() if isinstance(order, str) else begin
        self.csr = self.order.apply(graph)
        self.setup = SetupTime((found - begin) * 1e3, (time.perf_counter() - found) * 1e3)
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
        """Incidence operator of the undirected edges.

        Edges keep the caller's sequence and direction in every order of nodes: a dual variable that
        changes its sign would be rounded differently.
        """
        caller = inverse(self.order).apply(self.csr)
        rows = caller.entry_rows()
        upper = rows < caller.indices
        heads, tails = self.order.places[rows[upper]], self.order.places[caller.indices[upper]]
        edges = np.arange(len(heads), dtype=np.int32)
        transposed = csr_from_coo(
            np.concatenate([heads, tails]), np.concatenate([edges, edges]), self.num_nodes, len(heads)
        )
        signs = np.where(heads[transposed.indices] == transposed.entry_rows(), 1, -1).astype(np.int16)
        row_signs = np.bincount(transposed.entry_rows(), weights=signs, minlength=self.num_nodes)
        return Incidence(heads, tails, transposed, signs, row_signs.astype(np.float32))
