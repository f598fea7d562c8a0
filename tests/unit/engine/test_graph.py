from __future__ import annotations

import numpy as np
import pytest

from smoothbit.engine import PreparedGraph
from smoothbit.errors import ArgumentError, ShapeError
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


def test_weights_are_for_models_that_know_them():
    csr = CSR(np.array([0, 1]), np.zeros(1, np.int32), 1, np.ones(1, np.float32))
    with pytest.raises(
        ArgumentError, match=r"no edge weights, as the model knows none \(got 1 weights\)\. Leave `values`"
    ):
        _ = PreparedGraph(csr).csr


EDGES = np.array([[3, 0, 2, 2, 0, 1, 1], [0, 1, 2, 2, 1, 1, 0]])
WEIGHTS = np.arange(1, 8, dtype=np.float32)


def test_edge_index_is_from_sender_to_receiver_and_keeps_duplicates():
    edges = PreparedGraph.from_edge_index(EDGES, 4, edge_weight=WEIGHTS).edges(False)
    assert edges.csr.indptr.tolist() == [0, 2, 5, 7, 7]
    assert edges.csr.indices.tolist() == [1, 3, 0, 0, 1, 2, 2]
    assert edges.weights.tolist() == [7, 1, 2, 5, 6, 3, 4]


def test_views_move_with_the_order_and_are_made_once():
    order = NodeOrder("hand", np.int32([2, 0, 3, 1]))
    graph = PreparedGraph.from_edge_index(EDGES, 4, edge_weight=WEIGHTS, order=order)
    edges = graph.edges(False)
    assert edges.csr.indptr.tolist() == [0, 2, 4, 4, 7]
    assert edges.csr.indices.tolist() == [0, 0, 3, 2, 1, 1, 3]
    assert edges.weights.tolist() == [3, 4, 7, 1, 2, 5, 6]
    assert graph.edges(False) is edges


def test_relations_follow_their_edges():
    graph = PreparedGraph.from_edge_index(EDGES, 4, edge_type=np.array([0, 1, 0, 1, 0, 1, 0]))
    assert graph.edges(False, 0).csr.indptr.tolist() == [0, 2, 3, 4, 4]
    assert graph.edges(False, 1).csr.indices.tolist() == [0, 1, 2]
    assert graph.edges(True, 1).csr.indices.tolist() == [0, 0, 1, 2, 3]
    assert graph.edges(False, 7).max_count == 0


def test_nodes_of_each_graph():
    graph = PreparedGraph.from_edge_index(EDGES, 4, graph_ids=np.array([2, 0, 2, 0]), num_graphs=4, order="degree")
    assert graph.num_graphs == 4
    assert graph.readout.csr.indptr.tolist() == [0, 2, 2, 4, 4]
    assert graph.readout.csr.indices.tolist() == [1, 3, 0, 2]
    assert PreparedGraph.from_edge_index(EDGES, 4, graph_ids=np.array([2, 0, 2, 0])).num_graphs == 3
    alone = PreparedGraph.from_edge_index(EDGES, 4)
    assert (alone.num_graphs, alone.readout.csr.indices.tolist(), alone.graph_ids.tolist()) == (
        1,
        [0, 1, 2, 3],
        [0] * 4,
    )


REFUSED = {
    "edges of three rows": ({"edge_index": np.zeros((3, 2), int)}, ShapeError, r"\(got int64 \[3, 2\]\)"),
    "float edges": ({"edge_index": np.zeros((2, 2))}, ShapeError, r"integers \[2, E\] \(got float64 \[2, 2\]\)"),
    "edge out of range": ({"edge_index": np.array([[0], [4]])}, ArgumentError, r"in \[0, 4\) \(got 4\)"),
    "weights": ({"edge_weight": np.ones(7)}, ShapeError, r"`edge_weight` to be float32 \[7\] \(got float64 \[7\]\)"),
    "count of weights": ({"edge_weight": np.ones(6, np.float32)}, ShapeError, r"float32 \[7\] \(got float32 \[6\]\)"),
    "types": ({"edge_type": np.zeros(3, int)}, ShapeError, r"`edge_type` to be integers \[7\] \(got int64 \[3\]\)"),
    "float ids": ({"graph_ids": np.zeros(4)}, ShapeError, r"`graph_ids` to be integers \[4\] \(got float64 \[4\]\)"),
    "negative ids": ({"graph_ids": -np.ones(4, int)}, ArgumentError, r"`graph_ids` to be >= 0 \(got -1\)"),
    "too few graphs": (
        {"graph_ids": np.array([0, 1, 2, 0]), "num_graphs": 2},
        ArgumentError,
        r"`graph_ids` to be in \[0, 2\) \(got 2\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "error", "match"), REFUSED.values(), ids=REFUSED)
def test_arrays_that_do_not_fit_are_refused(change, error, match):
    with pytest.raises(error, match=match):
        PreparedGraph.from_edge_index(**{"edge_index": EDGES, "num_nodes": 4, **change})


def test_relations_of_another_graph_are_refused():
    with pytest.raises(ShapeError, match=r"`relations` to be integers \[2\]"):
        PreparedGraph(csr_from_coo([0, 1], [1, 0], 2, 2), relations=np.zeros(3, int))
