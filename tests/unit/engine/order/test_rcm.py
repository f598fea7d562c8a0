from __future__ import annotations

import numpy as np
import pytest

from smoothbit.engine import make_order
from smoothbit.engine.order.rcm import rcm_order
from smoothbit.numerics.csr import csr_from_coo


def undirected(pairs, num_nodes):
    rows, cols = np.array(pairs).T
    both = np.concatenate([rows, cols]), np.concatenate([cols, rows])
    return csr_from_coo(*both, num_nodes, num_nodes).with_self_loops()


def bandwidth(graph):
    return int(np.abs(graph.entry_rows() - graph.indices).max())


def shuffled_grid(side, seed=0):
    """A square grid whose nodes are numbered at random."""
    number = np.random.default_rng(seed).permutation(side * side).reshape(side, side)
    pairs = [*zip(number[1:].ravel(), number[:-1].ravel(), strict=True)]
    pairs += [*zip(number[:, 1:].ravel(), number[:, :-1].ravel(), strict=True)]
    return undirected(pairs, side * side)


def test_a_path_becomes_a_path():
    graph = undirected([(3, 0), (0, 4), (4, 1), (1, 2)], 5)
    # The search begins at node 2, the first of the two ends.
    assert rcm_order(graph).tolist() == [3, 0, 4, 1, 2]


def test_children_come_by_rising_degree_and_the_whole_is_reversed():
    # Node 0 has one neighbour, 1; its other neighbours 2 (degree 3), 3 (degree 2) and 4 (degree 2).
    graph = undirected([(0, 1), (1, 2), (1, 3), (1, 4), (2, 5), (2, 6), (3, 6), (4, 5)], 7)
    assert rcm_order(graph)[::-1].tolist()[:5] == [0, 1, 3, 4, 2]


def test_components_stay_together():
    graph = undirected([(0, 3), (3, 6), (1, 4), (4, 7)], 9)
    assert rcm_order(graph)[::-1].tolist() == [0, 3, 6, 1, 4, 7, 2, 5, 8]


def test_bandwidth_of_a_grid_is_near_its_side():
    graph = shuffled_grid(20)
    ordered = make_order(graph, "rcm").apply(graph)
    assert bandwidth(graph) > 300
    assert bandwidth(ordered) <= 30


def test_as_narrow_as_scipy():
    csgraph = pytest.importorskip("scipy.sparse.csgraph")
    sparse = pytest.importorskip("scipy.sparse")
    graph = shuffled_grid(12, seed=1)
    matrix = sparse.csr_matrix((np.ones(graph.num_entries), graph.indices, graph.indptr))
    theirs = csgraph.reverse_cuthill_mckee(matrix, symmetric_mode=True)
    moved = matrix[theirs][:, theirs].tocoo()
    assert bandwidth(make_order(graph, "rcm").apply(graph)) <= 1.5 * np.abs(moved.row - moved.col).max()


def test_a_directed_path_is_searched_both_ways():
    graph = csr_from_coo([1, 2, 3], [0, 1, 2], 4, 4).with_self_loops()
    assert rcm_order(graph).tolist() in ([0, 1, 2, 3], [3, 2, 1, 0])
