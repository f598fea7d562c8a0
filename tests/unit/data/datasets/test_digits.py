"""Digits as a nearest-neighbour graph."""

import numpy as np

from smoothbit.data.datasets.digits import nearest_neighbours
from tests.cases.dataset_case import DatasetCase


class TestDigits(DatasetCase):
    name, counts = "digits", (1_797, 12_339, 64, 10)

    def check_dense(self, matrix: np.ndarray) -> None:
        """Check that pixels are sixteenths, exact in float32 and on the 8-bit grid."""
        assert matrix.min() == 0
        assert matrix.max() == 1
        assert np.array_equal(matrix * 16, np.round(matrix * 16))


def test_neighbours_on_a_line() -> None:
    graph = nearest_neighbours(np.array([[0], [1], [3], [10]]), num_neighbours=1)
    assert graph.indptr.tolist() == [0, 1, 3, 5, 6]
    assert graph.indices.tolist() == [1, 0, 2, 1, 3, 2]


def test_of_equal_distances_the_lower_node_is_chosen() -> None:
    graph = nearest_neighbours(np.array([[1], [0], [2], [-9]]), num_neighbours=1)
    assert graph.indices[: graph.indptr[1]].tolist() == [1, 2]
    assert graph.indices[graph.indptr[3] :].tolist() == [1]


def test_fewer_points_than_neighbours() -> None:
    graph = nearest_neighbours(np.array([[0], [5]]), num_neighbours=1)
    assert graph.num_entries == 2
