from __future__ import annotations

import numpy as np
import pytest

from smoothbit.errors import ValueRangeError
from smoothbit.formats import PackedTensor, graph_values
from smoothbit.numerics.affine import per_tensor_law


@pytest.fixture(params=[1, 8, 1 << 24], ids=["block-of-1", "block-of-8", "one-block"])
def _blocks(request, monkeypatch):
    """Sizes of a block in bytes; the checks may not depend on them."""
    monkeypatch.setattr(graph_values, "BLOCK_BYTES", request.param)


pytestmark = pytest.mark.usefixtures("_blocks")


def test_sound_values_pass():
    graph_values.check_row_ends(np.array([0, 2, 3]), 3, "indptr")
    graph_values.check_row_starts(np.array([0, 2, 2, 3]), "indptr")
    graph_values.check_bounds(np.array([0, 4, 2], np.int32), 0, 4, "indices")
    graph_values.check_permutation(np.array([2, 0, 1], np.int32), "order")
    graph_values.check_finite(np.zeros((3, 2), np.float32), "values")
    graph_values.check_padding(PackedTensor(np.full((3, 1), 3, np.uint8), 1, per_tensor_law(2, 1)), "codes")


def test_empty_arrays_pass():
    graph_values.check_row_starts(np.array([0]), "indptr")
    graph_values.check_bounds(np.zeros(0, np.int32), 0, -1, "indices")
    graph_values.check_permutation(np.zeros(0, np.int32), "order")
    graph_values.check_finite(np.zeros((0, 2), np.float32), "values")
    graph_values.check_padding(PackedTensor(np.zeros((1, 0), np.uint8), 0, per_tensor_law(2, 1)), "codes")


@pytest.mark.parametrize("ends", [(1, 3), (0, 4), (0, 2)])
def test_row_ends(ends):
    with pytest.raises(ValueRangeError, match=rf"`tensor indptr` to be from 0 to 3 \(got \[{ends[0]}, {ends[1]}\]\)"):
        graph_values.check_row_ends(np.array(ends), 3, "indptr")


@pytest.mark.parametrize("row", range(4))
def test_row_starts(row):
    indptr = np.arange(10, 60, 10)
    indptr[row + 1] = indptr[row] - 1
    with pytest.raises(ValueRangeError, match=rf"non-decreasing \(got 'a decrease at row {row}'\)"):
        graph_values.check_row_starts(indptr, "indptr")


@pytest.mark.parametrize("bad", [-1, 5, -(2**31), 2**31 - 1])
@pytest.mark.parametrize("place", [0, 3, 6])
def test_bounds(bad, place):
    indices = np.full(7, 4, np.int32)
    indices[place] = bad
    with pytest.raises(ValueRangeError, match=rf"`tensor indices` to be in \[0, 4\] \(got {bad}\)"):
        graph_values.check_bounds(indices, 0, 4, "indices")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_finite(bad):
    values = np.zeros((5, 3), np.float32)
    values[4, 1] = bad
    with pytest.raises(ValueRangeError, match=rf"`tensor values` to be finite \(got {bad}\)"):
        graph_values.check_finite(values, "values")


def test_padding():
    codes = PackedTensor(np.array([[3], [3], [4]], np.uint8), 1, per_tensor_law(2, 1))
    with pytest.raises(ValueRangeError, match="`tensor codes` to be zero in its padding bits"):
        graph_values.check_padding(codes, "codes")


@pytest.mark.parametrize(
    ("nodes", "match"),
    [([0, 3, 1], r"in \[0, 2\] \(got 3\)"), ([0, 2, 0], r"a place for each node \(got 'no place for node 1'\)")],
    ids=["range", "again"],
)
def test_permutation(nodes, match):
    with pytest.raises(ValueRangeError, match=match):
        graph_values.check_permutation(np.array(nodes, np.int32), "order")
