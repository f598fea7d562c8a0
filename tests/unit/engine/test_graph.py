from __future__ import annotations

import numpy as np
import pytest

from smoothbit.engine import PreparedGraph
from smoothbit.errors import ShapeError
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.node_order import NodeOrder
from tests.helpers import random_graph


def test_self_loops_are_added_once():
    csr = random_graph()
    prepared = PreparedGraph(csr)
    rows = prepared.csr.entry_rows()
    assert np.bincount(rows[rows == prepared.csr.indices], minlength=csr.num_rows).tolist() == [1] * csr.num_rows
    assert prepared.csr.num_entries == csr.num_entries + csr.num_rows - 1


def test_degrees_and_their_powers():
    prepared = PreparedGraph(csr_from_coo([0, 0, 0, 1, 2, 3], [1, 2, 3, 0, 0, 0], 5, 5))
    assert prepared.degree.tolist() == [4, 2, 2, 2, 1]
    assert prepared.inv_degree.tolist() == [0.25, 0.5, 0.5, 0.5, 1.0]
    np.testing.assert_array_equal(prepared.sqrt_degree, np.sqrt(np.float32([4, 2, 2, 2, 1])))
    assert prepared.rsqrt_degree.dtype == np.float32
    assert prepared.max_degree == 4


def test_incidence_lists_each_undirected_edge_once():
    incidence = PreparedGraph(csr_from_coo([0, 1, 1, 2], [1, 0, 2, 1], 3, 3)).incidence
    assert list(zip(incidence.heads.tolist(), incidence.tails.tolist(), strict=True)) == [(0, 1), (1, 2)]
    assert incidence.signs.tolist() == [1, -1, 1, -1]
    assert incidence.row_signs.tolist() == [1, 0, -1]
    assert incidence.signed.values.tolist() == [1, -1, 1, -1]


def test_order_moves_rows_degrees_and_reports_its_time():
    adjacency = csr_from_coo([0, 1, 1, 2], [1, 0, 2, 1], 4, 4)
    prepared = PreparedGraph(adjacency, "degree")
    assert prepared.order.nodes.tolist() == [1, 0, 2, 3]
    assert prepared.degree.tolist() == [3, 2, 2, 1]
    assert prepared.csr.indices.tolist() == [1, 0, 2, 1, 0, 0, 2, 3]
    assert prepared.setup.find_ms > 0
    assert prepared.setup.total_ms == prepared.setup.find_ms + prepared.setup.apply_ms
    assert PreparedGraph(adjacency, prepared.order).setup.find_ms == 0


def test_order_of_another_graph_is_refused():
    with pytest.raises(ShapeError, match=r"to have 3 nodes, as the order \(got 30 x 30\)"):
        PreparedGraph(random_graph(), NodeOrder("hand", np.int32([2, 1, 0])))


def test_rectangular_matrix_is_refused():
    with pytest.raises(ShapeError, match=r"Expected a square matrix without values \(got 2 x 3\)"):
        PreparedGraph(csr_from_coo([0], [2], 2, 3))


def test_weighted_matrix_is_refused():
    csr = CSR(np.array([0, 1]), np.zeros(1, np.int32), 1, np.ones(1, np.float32))
    with pytest.raises(ShapeError, match=r"Self-loops are defined for unweighted graphs"):
        PreparedGraph(csr)
