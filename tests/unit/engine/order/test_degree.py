from __future__ import annotations

from smoothbit.engine.order.degree import degree_order
from smoothbit.numerics.csr import csr_from_coo


def test_long_rows_first_and_equal_ones_in_sequence():
    graph = csr_from_coo([0, 1, 1, 2, 3, 3, 3], [1, 0, 3, 3, 0, 1, 2], 4, 4)
    assert degree_order(graph).tolist() == [3, 1, 0, 2]
