"""Every order of every graph is a permutation, and moving a graph back gives the graph."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothbit.engine import ORDERS, PreparedGraph, make_order
from smoothbit.engine.order import locality
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.numerics.node_order import inverse
from tests.property.strategies import graphs, node_orders


@pytest.fixture(autouse=True, scope="module")
def tiny_cache():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locality, "NEAR_ROWS", 3)
        yield


@pytest.mark.parametrize("name", ORDERS.names())
@given(graph=graphs())
def test_an_order_lists_each_node_once(name, graph):
    order = make_order(graph.with_self_loops(), name)
    assert order.nodes.dtype == np.int32
    assert sorted(order.nodes.tolist()) == list(range(graph.num_rows))
    np.testing.assert_array_equal(order.nodes, make_order(graph.with_self_loops(), name).nodes)


@given(data=st.data(), graph=graphs())
def test_back_and_forth(data, graph):
    order = data.draw(node_orders(graph.num_rows))
    moved = order.apply(graph)
    wanted = csr_from_coo(order.places[graph.entry_rows()], order.places[graph.indices], graph.num_rows, graph.num_cols)
    resorted = csr_from_coo(moved.entry_rows(), moved.indices, graph.num_rows, graph.num_cols)
    np.testing.assert_array_equal(resorted.indptr, wanted.indptr)
    np.testing.assert_array_equal(resorted.indices, wanted.indices)
    back = inverse(order).apply(moved)
    np.testing.assert_array_equal(back.indptr, graph.indptr)
    np.testing.assert_array_equal(back.indices, graph.indices)


@given(data=st.data(), graph=graphs())
def test_edges_keep_sequence_and_direction(data, graph):
    order = data.draw(node_orders(graph.num_rows))
    plain, moved = PreparedGraph(graph).incidence, PreparedGraph(graph, order).incidence
    np.testing.assert_array_equal(order.nodes[moved.heads], plain.heads)
    np.testing.assert_array_equal(order.nodes[moved.tails], plain.tails)
    np.testing.assert_array_equal(moved.row_signs, plain.row_signs[order.nodes])
