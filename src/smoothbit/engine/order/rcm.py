"""Order `rcm`: reverse Cuthill-McKee, which brings neighbours close to each other.

A breadth-first search numbers nodes level by level, children of one node by rising degree. It helps
graphs that are drawn on a line or a plane; in a small world everything is three levels away.
"""

from __future__ import annotations

import numpy as np

from smoothbit.engine.order.base import ORDERS, stable_order
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.typing import AnyArray, Int32Array, Int64Array


@ORDERS.register("rcm")
def rcm_order(graph: CSR) -> Int32Array:
    """Return the reverse of the search; one NumPy pass for each level.

    All components are searched at once, each from its node of least degree (the first of equals). A
    directed graph is searched along edges of both directions.

    Reference: Cuthill and McKee 1969, "Reducing the bandwidth of sparse symmetric matrices"; reversed
        as in George 1971. Departure: no search for a peripheral start node.
    """
    graph = _symmetric(graph)
    degree = graph.row_lengths
    component = _components(graph)
    # Roots come in order of their component, so that a stable sort gathers each component in the end.
    by_degree = stable_order(degree)
    frontier = by_degree[np.unique(component[by_degree], return_index=True)[1]]
    is_seen = np.zeros(graph.num_rows, dtype=bool)
    first = np.empty(graph.num_rows, dtype=np.int64)
    levels = []
    while len(frontier):
        is_seen[frontier] = True
        levels.append(frontier)
        frontier = _children(graph, frontier, is_seen, degree, first)
    found = np.concatenate(levels) if levels else np.empty(0, dtype=np.int64)
    gathered = found[np.argsort(component[found], kind="stable")]
    return gathered[::-1].astype(np.int32)


def _children(graph: CSR, frontier: Int64Array, is_seen: AnyArray, degree: Int64Array, first: Int64Array) -> Int64Array:
    """Return unseen neighbours of `frontier`, by place of their first parent, then degree, then number.

    `first` [N] is scratch memory.
    """
    lengths = degree[frontier]
    ends = np.cumsum(lengths)
    entries = np.repeat(graph.indptr[frontier] - (ends - lengths), lengths) + np.arange(ends[-1])
    nodes = graph.indices[entries]
    is_new = ~is_seen[nodes]
    nodes = nodes[is_new]
    # Of equal indices the last assignment stays, so backwards the first.
    turn = np.arange(len(nodes))
    first[nodes[::-1]] = turn[::-1]
    is_first = first[nodes] == turn
    children = nodes[is_first].astype(np.int64)
    parents = np.repeat(np.arange(len(frontier)), lengths)[is_new][is_first]
    chosen: Int64Array = children[np.lexsort((children, degree[children], parents))]
    return chosen


def _components(graph: CSR) -> Int32Array:
    """Return the least node of each node's component [N]; `graph` is symmetric with self-loops.

    Reference: Shiloach and Vishkin 1982, "An O(log n) parallel connectivity algorithm". Departure: every
        node hooks its own root, not only a neighbour's.
    """
    label = np.arange(graph.num_rows, dtype=np.int32)
    if graph.num_rows == 0:
        return label
    while True:
        least = np.minimum.reduceat(label[graph.indices], graph.indptr[:-1])
        if np.array_equal(least, label):
            return label
        hooked = label.copy()
        np.minimum.at(hooked, label, least)
        np.minimum(hooked, least, out=hooked)
        while not np.array_equal(hooked[hooked], hooked):
            hooked = hooked[hooked]
        label = hooked


def _symmetric(graph: CSR) -> CSR:
    """Return the graph with every edge in both directions; the same graph when it has them."""
    rows, cols = graph.entry_rows().astype(np.int64), graph.indices.astype(np.int64)
    keys, mirrored = rows * graph.num_rows + cols, cols * graph.num_rows + rows
    # Sorting numbers takes a fraction of what sorting their indices takes.
    if np.array_equal(keys if (keys[1:] >= keys[:-1]).all() else np.sort(keys), np.sort(mirrored)):
        return graph
    return csr_from_coo(np.concatenate([rows, cols]), np.concatenate([cols, rows]), graph.num_rows, graph.num_rows)
