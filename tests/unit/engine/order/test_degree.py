from __future__ import annotations

from smoothbit.engine.order.degree import degree_order
from smoothbit.numerics.csr import csr_from_coo


def test_long_rows_come_first_and_equal_ones_with_the_same_hub_together():
    # Hubs 0 (5 entries) and 1 (4); leaves 2, 4, 6 of the one and 3, 5 of the other.
    edges = [(0, 2), (0, 4), (0, 6), (0, 1), (1, 3), (1, 5)]
    loops = [(node, node) for node in range(7)]
    rows, cols = zip(*edges, *((j, i) for i, j in edges), *loops, strict=True)
    graph = csr_from_coo(list(rows), list(cols), 7, 7)
    assert degree_order(graph).tolist() == [0, 1, 2, 4, 6, 3, 5]


def test_equal_rows_of_one_hub_stay_in_sequence():
    rows, cols = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3], [0, 1, 2, 3, 0, 1, 0, 2, 0, 3]
    assert degree_order(csr_from_coo(rows, cols, 4, 4)).tolist() == [0, 1, 2, 3]


def test_no_nodes():
    assert degree_order(csr_from_coo([], [], 0, 0)).tolist() == []
