"""An order of the nodes of a graph, and the graph in that order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics.csr import CSR
from smoothbit.typing import Int32Array, Int64Array

ENTRIES_PER_BLOCK = 1 << 22
"""Entries moved at a time, so that the places of all of them are never held at once (8 bytes each)."""


@dataclass(frozen=True, eq=False)
class NodeOrder:
    """A permutation of nodes.

    Args:
        name: How the order was made, e.g. "degree".
        nodes: Node at each place [N], int32, each node once.

    Raises:
        ShapeError: `nodes` is not a vector of int32.
        ArgumentError: `nodes` leaves a node out.
    """

    name: str
    nodes: Int32Array

    def __post_init__(self) -> None:
        if not isinstance(self.nodes, np.ndarray) or self.nodes.ndim != 1 or self.nodes.dtype != np.int32:
            got = f"{self.nodes.dtype} {list(self.nodes.shape)}" if isinstance(self.nodes, np.ndarray) else self.nodes
            raise ShapeError(f"Expected `nodes` to be a vector of int32 (got {got}). Pass the node at each place.")
        bad = first_misplaced(self.nodes)
        if bad is not None:
            raise ArgumentError(
                f"Expected `nodes` to list each of {len(self.nodes)} nodes once (got {self.nodes[bad]} at place {bad}, "
                "out of range or again). Pass a permutation."
            )

    @property
    def num_nodes(self) -> int:
        """Number of nodes N."""
        return len(self.nodes)

    @cached_property
    def places(self) -> Int32Array:
        """Place of each node [N], int32: the inverse permutation."""
        places = np.empty_like(self.nodes)
        places[self.nodes] = np.arange(self.num_nodes, dtype=np.int32)
        return places

    @cached_property
    def is_identity(self) -> bool:
        """Whether every node stays where it is."""
        return bool(np.array_equal(self.nodes, np.arange(self.num_nodes)))

    def apply(self, graph: CSR) -> CSR:
        """Return a graph with rows and columns in this order.

        Entries of a row keep the sequence they had, so that a float32 sum over them keeps its bits;
        columns of a row are then no longer in increasing order.

        Args:
            graph: CSR [N, N].

        Raises:
            ShapeError: `graph` has another number of nodes.
        """
        if graph.num_rows != self.num_nodes or graph.num_cols != self.num_nodes:
            raise ShapeError(
                f"Expected `graph` to have {self.num_nodes} nodes, as the order (got {graph.num_rows} x "
                f"{graph.num_cols}). Use the order of this graph."
            )
        if self.is_identity:
            return graph
        indptr = np.zeros(self.num_nodes + 1, dtype=np.int64)
        np.cumsum(graph.row_lengths[self.nodes], out=indptr[1:])
        indices = np.empty_like(graph.indices)
        values = None if graph.values is None else np.empty_like(graph.values)
        for first, last in _row_blocks(indptr):
            here = slice(int(indptr[first]), int(indptr[last]))
            entries = _entries(graph.indptr, self.nodes[first:last], indptr[first : last + 1])
            indices[here] = self.places[graph.indices[entries]]
            if graph.values is not None and values is not None:
                values[here] = graph.values[entries]
        return CSR(indptr, indices, graph.num_cols, values)


def inverse(order: NodeOrder) -> NodeOrder:
    """Return the order that undoes `order`."""
    return NodeOrder(order.name, order.places)


def first_misplaced(nodes: Int32Array) -> int | None:
    """Return the first place whose node is out of range or was there before, or None for a permutation."""
    num_nodes = len(nodes)
    in_range = (nodes >= 0) & (nodes < num_nodes)
    if not in_range.all():
        return int(np.argmin(in_range))
    is_seen = np.zeros(num_nodes, dtype=bool)
    is_seen[nodes] = True
    if is_seen.all():
        return None
    is_first = np.zeros(num_nodes, dtype=bool)
    is_first[np.unique(nodes, return_index=True)[1]] = True
    return int(np.argmin(is_first))


def _row_blocks(indptr: Int64Array) -> list[tuple[int, int]]:
    """Return ranges of rows with about `ENTRIES_PER_BLOCK` entries each."""
    num_rows = len(indptr) - 1
    starts = np.searchsorted(indptr, np.arange(0, indptr[-1], ENTRIES_PER_BLOCK))
    ends = [*np.unique(np.clip(starts, 0, num_rows)).tolist(), num_rows]
    return [(first, last) for first, last in zip([0, *ends[:-1]], ends, strict=True) if last > first]


def _entries(indptr: Int64Array, rows: Int32Array, ends: Int64Array) -> Int64Array:
    """Return the entry numbers of `rows` one after the other; `ends` are their row starts in the result."""
    shift = indptr[rows] - ends[:-1]
    entries = np.repeat(shift, np.diff(ends))
    entries += np.arange(ends[0], ends[-1])
    return entries
