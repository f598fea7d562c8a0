from __future__ import annotations

import numpy as np
import pytest

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.features import Features

PATTERN = csr_from_coo([0, 0, 2], [1, 2, 0], 3, 4)


def test_dense():
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    features = Features(matrix, np.array([1, 2], np.float32))
    assert (features.is_sparse, features.num_nodes, features.num_features) == (False, 2, 3)
    assert features.to_dense().tolist() == [[0, 1, 2], [6, 8, 10]]
    assert not np.shares_memory(Features(matrix).to_dense(), matrix)


def test_sparse_pattern():
    features = Features(PATTERN, np.array([0.5, 1, 3], np.float32))
    assert (features.is_sparse, features.num_nodes, features.num_features) == (True, 3, 4)
    assert features.to_dense().tolist() == [[0, 0.5, 0.5, 0], [0] * 4, [3, 0, 0, 0]]


def test_sparse_values_add_up():
    matrix = CSR(np.array([0, 2]), np.array([1, 1], np.int32), 2, np.array([1, 2], np.float32))
    assert Features(matrix).to_dense().tolist() == [[0, 3]]


def dense(value):
    matrix = np.zeros((2, 3), np.float32)
    matrix[1, 2] = value
    return matrix


@pytest.mark.parametrize(
    ("matrix", "row_scale", "error", "match"),
    [
        (np.zeros((2, 3)), None, ShapeError, r"`matrix` to be float32 \[N, F\] \(got float64 \[2, 3\]\)"),
        (np.zeros(3, np.float32), None, ShapeError, r"\(got float32 \[3\]\)"),
        ([[1.0]], None, ShapeError, r"`matrix` to be a NumPy array or CSR \(got list\)"),
        (dense(np.nan), None, ArgumentError, r"`features` to be finite \(got nan at node 1, column 2\)"),
        (dense(np.inf), None, ArgumentError, r"\(got inf at node 1, column 2\)"),
        (
            PATTERN,
            np.ones(2, np.float32),
            ShapeError,
            r"`row_scale` to be float32 \[3\] \(got float32 \[2\]\)",
        ),
        (PATTERN, np.ones(3), ShapeError, r"\(got float64 \[3\]\)"),
        (
            PATTERN,
            np.array([1, np.nan, 1], np.float32),
            ArgumentError,
            r"`row_scale` .* \(got nan at node 1\)",
        ),
    ],
)
def test_refusals(matrix, row_scale, error, match):
    with pytest.raises(error, match=match):
        Features(matrix, row_scale)


def test_from_dense_keeps_the_number_of_a_row_apart():
    x = np.array([[0, 0.5, 0, 0, 0, 0, 0, 0.5, 0, 0, 0, 0], [0] * 12, [0, 0, -3.0] + [0] * 9], np.float32)
    features = Features.from_dense(x)
    assert features.matrix.values is None
    assert features.row_scale.tolist() == [0.5, 1.0, -3.0]
    np.testing.assert_array_equal(features.to_dense(), x)


@pytest.mark.parametrize("splits_rows", [True, False])
def test_from_dense_of_many_entries_with_one_number_a_row(splits_rows):
    x = np.array([[0.5, 0.5, 0], [0.25, 0, 0.25], [0, 0, 0]], np.float32)
    features = Features.from_dense(x, splits_rows=splits_rows)
    assert features.is_sparse == splits_rows
    assert (features.row_scale is not None) == splits_rows
    np.testing.assert_array_equal(features.to_dense(), x)


def test_from_dense_of_few_different_numbers_is_sparse_and_of_many_is_dense():
    x = np.zeros((4, 20), np.float64)
    x[1, 3:5] = 1, 2
    sparse = Features.from_dense(x)
    assert sparse.row_scale is None
    assert sparse.matrix.values.tolist() == [1, 2]
    np.testing.assert_array_equal(sparse.to_dense(), x)
    dense = Features.from_dense(x + 1)
    assert not dense.is_sparse
    np.testing.assert_array_equal(dense.to_dense(), x + 1)


def test_from_dense_of_ones_and_zeros_has_no_row_scale():
    assert Features.from_dense(np.eye(6)).row_scale is None


def test_from_dense_wants_a_matrix():
    with pytest.raises(ShapeError, match=r"Expected `matrix` to be float32 \[N, F\] \(got float32 \[3\]\)"):
        Features.from_dense(np.zeros(3))
