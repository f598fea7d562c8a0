from __future__ import annotations

import numpy as np

from smoothbit.engine import PreparedGraph
from smoothbit.engine.edges import subset, with_one_loop
from smoothbit.numerics.csr import csr_from_coo

EDGES = np.array([[3, 0, 2, 2, 0, 1, 1], [0, 1, 2, 2, 1, 1, 0]])
WEIGHTS = np.arange(1, 8, dtype=np.float32)


def test_loops_are_made_one_for_each_node():
    edges = PreparedGraph.from_edge_index(EDGES, 4, edge_weight=WEIGHTS).edges(True)
    assert edges.csr.indices.tolist() == [0, 1, 3, 0, 0, 1, 2, 3]
    assert edges.weights.tolist() == [1, 7, 1, 2, 5, 6, 4, 1]  # node 2 keeps the weight of its last loop
    assert PreparedGraph.from_edge_index(EDGES, 4).edges(True).csr.indices.tolist() == edges.csr.indices.tolist()


def test_factors_of_rows_and_edges():
    edges = PreparedGraph.from_edge_index(EDGES, 4, edge_weight=WEIGHTS * np.float32([1, -1, 1, 1, 1, 1, 1])).edges(
        False
    )
    assert edges.factors.integers.tolist() == [127, 18, -42, 106, 127, 95, 127]
    np.testing.assert_array_equal(edges.factors.row_scale, np.float32([7, 6, 4, 127]) / np.float32(127))
    assert edges.factors.row_sums.tolist() == [145, 191, 222, 0]
    assert edges.counts.tolist() == [2, 3, 2, 0]
    assert edges.inv_counts.tolist() == [0.5, np.float32(1 / 3), 0.5, 1]
    assert edges.is_present.tolist() == [1, 1, 1, 0]
    np.testing.assert_array_equal(edges.rsqrt_degree, np.float32([8**-0.5, 9**-0.5, 7**-0.5, 0]))
    np.testing.assert_array_equal(edges.rsqrt_counts, np.float32([2**-0.5, 3**-0.5, 2**-0.5, 0]))


def test_one_loop_for_each_node_of_a_graph_without_several():
    csr = csr_from_coo([0, 1, 1], [0, 2, 0], 3, 3)
    assert with_one_loop(csr).indices.tolist() == [0, 0, 1, 2, 2]
    assert with_one_loop(with_one_loop(csr)).indices.tolist() == [0, 0, 1, 2, 2]


def test_subset_keeps_rows_and_weights():
    csr = csr_from_coo([0, 0, 2], [1, 2, 0], 3, 3, np.float32([1, 2, 3]))
    part = subset(csr, np.array([False, True, True]))
    assert (part.indptr.tolist(), part.indices.tolist(), part.values.tolist()) == ([0, 1, 1, 2], [2, 0], [2, 3])
