from __future__ import annotations

import numpy as np
import pytest

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics import node_order
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.node_order import NodeOrder, inverse


def order(*nodes):
    return NodeOrder("hand", np.array(nodes, np.int32))


def triangle_with_tail(values=None):
    """0 hears 1 and 2, 1 hears 0, 2 hears 3, 3 hears nobody."""
    return csr_from_coo([0, 0, 1, 2], [1, 2, 0, 3], 4, 4, values)


def test_places_invert_nodes():
    made = order(2, 0, 3, 1)
    assert made.places.tolist() == [1, 3, 0, 2]
    assert inverse(made).nodes.tolist() == [1, 3, 0, 2]
    assert not made.is_identity
    assert order(0, 1, 2).is_identity
    assert order().num_nodes == 0


def test_rows_and_columns_move_together():
    found = order(2, 0, 3, 1).apply(triangle_with_tail())
    assert found.indptr.tolist() == [0, 1, 3, 3, 4]
    assert found.indices.tolist() == [2, 3, 0, 1]


def test_entries_of_a_row_keep_their_sequence_and_values():
    found = order(2, 0, 3, 1).apply(triangle_with_tail(np.float32([1, 2, 3, 4])))
    assert found.values.tolist() == [4, 1, 2, 3]
    assert order(2, 1, 0, 3).apply(triangle_with_tail()).indices[-3:].tolist() == [2, 1, 0]


def test_the_identity_costs_nothing():
    graph = triangle_with_tail()
    assert order(0, 1, 2, 3).apply(graph) is graph


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_blocks_do_not_show(monkeypatch, block):
    graph = csr_from_coo(np.repeat(np.arange(9), 4), np.arange(36) * 5 % 9, 9, 9)
    made = order(*np.random.default_rng(0).permutation(9).tolist())
    wanted = made.apply(graph)
    monkeypatch.setattr(node_order, "ENTRIES_PER_BLOCK", block)
    found = made.apply(graph)
    np.testing.assert_array_equal(found.indptr, wanted.indptr)
    np.testing.assert_array_equal(found.indices, wanted.indices)


@pytest.mark.parametrize(
    ("nodes", "match"),
    [
        ([0, 1, 3], r"each of 3 nodes once \(got 3 at place 2"),
        ([0, -1, 1], r"\(got -1 at place 1"),
        ([2, 0, 2], r"\(got 2 at place 2"),
    ],
)
def test_what_is_no_permutation(nodes, match):
    with pytest.raises(ArgumentError, match=match):
        order(*nodes)


@pytest.mark.parametrize("nodes", [np.arange(3), np.zeros((1, 1), np.int32), [0]])
def test_what_is_no_vector_of_int32(nodes):
    with pytest.raises(ShapeError, match="Expected `nodes` to be a vector of int32"):
        NodeOrder("hand", nodes)


def test_another_graph():
    with pytest.raises(ShapeError, match=r"to have 3 nodes, as the order \(got 4 x 4\)"):
        order(2, 1, 0).apply(triangle_with_tail())
    with pytest.raises(ShapeError, match=r"\(got 1 x 3\)"):
        order(0).apply(CSR(np.zeros(2, np.int64), np.zeros(0, np.int32), 3))
