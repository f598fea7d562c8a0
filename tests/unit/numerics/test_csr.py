from __future__ import annotations

import numpy as np
import pytest

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics.csr import CSR, csr_from_coo


def i64(*values):
    return np.array(values, np.int64)


def i32(*values):
    return np.array(values, np.int32)


@pytest.fixture
def matrix():
    """3 x 4: row 0 holds columns 1 and 3, row 1 is empty, row 2 holds column 2."""
    return CSR(i64(0, 2, 2, 3), i32(1, 3, 2), 4, np.array([1, 2, 3], np.float32))


def test_sizes(matrix):
    assert (matrix.num_rows, matrix.num_entries, matrix.row_lengths.tolist()) == (3, 3, [2, 0, 1])
    assert matrix.entry_rows().tolist() == [0, 0, 2]
    assert matrix.entry_rows().dtype == np.int32


def test_pattern_has_the_entries_without_values(matrix):
    values = np.ones(matrix.num_entries, np.float32)
    pattern = CSR(matrix.indptr, matrix.indices, matrix.num_cols, values).pattern
    assert pattern.values is None
    assert pattern.indices is matrix.indices
    assert pattern.pattern is pattern


def test_no_rows():
    empty = CSR(i64(0), i32(), 0)
    assert (empty.num_rows, empty.num_entries) == (0, 0)
    assert empty.is_symmetric()


def test_from_coo_sorts_by_row_then_column():
    made = csr_from_coo([2, 0, 0], [2, 3, 1], 3, 4, np.array([3, 2, 1], np.float32))
    assert (made.indptr.tolist(), made.indices.tolist(), made.values.tolist()) == (
        [0, 2, 2, 3],
        [1, 3, 2],
        [1, 2, 3],
    )


def test_from_coo_keeps_duplicates():
    assert csr_from_coo([0, 0], [1, 1], 1, 2).indices.tolist() == [1, 1]


def test_transpose(matrix):
    turned = matrix.transpose()
    assert (turned.num_rows, turned.num_cols) == (4, 3)
    assert (turned.indptr.tolist(), turned.indices.tolist()) == ([0, 0, 1, 2, 3], [0, 2, 0])
    assert turned.values.tolist() == [1, 3, 2]
    assert turned.transpose().indices.tolist() == matrix.indices.tolist()


def test_self_loops_are_added_where_missing():
    looped = csr_from_coo([0, 1, 1], [1, 1, 0], 3, 3).with_self_loops()
    assert (looped.indptr.tolist(), looped.indices.tolist()) == ([0, 2, 4, 5], [0, 1, 0, 1, 2])
    assert looped.with_self_loops().indices.tolist() == looped.indices.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_self_loops_without_sorting_are_those_with_it(seed):
    rng = np.random.default_rng(seed)
    rows, cols = rng.integers(0, 12, (2, 25))
    graph = csr_from_coo(rows, cols, 14, 14)
    turned = CSR(graph.indptr, graph.indices.copy(), 14)
    for row in range(14):
        turned.indices[graph.indptr[row] : graph.indptr[row + 1]] = graph.indices[
            graph.indptr[row] : graph.indptr[row + 1]
        ][::-1]
    np.testing.assert_array_equal(graph.with_self_loops().indices, turned.with_self_loops().indices)
    np.testing.assert_array_equal(graph.with_self_loops().indptr, turned.with_self_loops().indptr)


@pytest.mark.parametrize(
    ("rows", "cols", "symmetric"),
    [
        ([0, 1], [1, 0], True),
        ([0], [1], False),
        ([0, 0, 1], [1, 1, 0], False),
        ([2], [2], True),
        ([], [], True),
    ],
)
def test_symmetry(rows, cols, symmetric):
    assert csr_from_coo(rows, cols, 3, 3).is_symmetric() is symmetric


def test_rectangles_are_not_symmetric(matrix):
    assert not matrix.is_symmetric()


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: CSR(i32(0), i32(), 1), ShapeError, r"`indptr` to be a vector of int64 \(got int32 \[1\]\)"),
        (lambda: CSR([0], i32(), 1), ShapeError, r"`indptr` to be a vector of int64 \(got list\)"),
        (lambda: CSR(i64(0), i64(), 1), ShapeError, r"`indices` to be a vector of int32 \(got int64 \[0\]\)"),
        (lambda: CSR(i64(), i32(), 1), ShapeError, r"`indptr` to have at least one element \(got 0\)"),
        (lambda: CSR(i64(1, 1), i32(0), 1), ArgumentError, r"`indptr` to run from 0 to 1 \(got 1 to 1\)"),
        (lambda: CSR(i64(0, 2), i32(0), 1), ArgumentError, r"`indptr` to run from 0 to 1 \(got 0 to 2\)"),
        (lambda: CSR(i64(0, 2, 1), i32(0), 1), ArgumentError, r"non-decreasing \(got a decrease at row 1\)"),
        (lambda: CSR(i64(0, 1), i32(1), 1), ArgumentError, r"`indices` to be in \[0, 1\) \(got 1\)"),
        (lambda: CSR(i64(0, 1), i32(-1), 1), ArgumentError, r"`indices` to be in \[0, 1\) \(got -1\)"),
        (
            lambda: CSR(i64(0, 1), i32(0), 1, np.ones(2, np.float32)),
            ShapeError,
            r"`values` to have 1 elements \(got 2\)",
        ),
        (lambda: CSR(i64(0, 1), i32(0), 1, np.ones(1)), ShapeError, r"`values` to be a vector of float32"),
        (
            lambda: CSR(i64(0, 2), i32(0, 0), 1, np.array([1, np.nan], np.float32)),
            ArgumentError,
            r"`values` to be finite \(got nan at entry 1\)",
        ),
        (
            lambda: csr_from_coo([0], [0, 1], 2, 2),
            ShapeError,
            r"`rows` and `cols` .* \(got \(1,\) and \(2,\)\)",
        ),
        (lambda: csr_from_coo([2], [0], 2, 2), ArgumentError, r"`rows` to be in \[0, 2\) \(got 2\)"),
        (lambda: csr_from_coo([0], [-1], 2, 2), ArgumentError, r"`cols` to be in \[0, 2\) \(got -1\)"),
        (
            lambda: csr_from_coo([0], [0], 1, 2).with_self_loops(),
            ShapeError,
            r"a square matrix .* \(got 1 x 2\)",
        ),
    ],
)
def test_refusals(make, error, match):
    with pytest.raises(error, match=match):
        make()
