"""Transforms: each against a dense or set-based computation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothbit.data.transforms import (
    csr_from_dense,
    features_from_dense,
    pattern_csr,
    row_normalized,
    sorted_unique,
    standardized,
    undirected_csr,
)
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics.csr import CSR

pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=40)


@given(pairs, st.booleans())
def test_undirected_csr_is_the_set_of_both_directions(edges: list[tuple[int, int]], keep: bool) -> None:
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    graph = undirected_csr(ends[:, 0], ends[:, 1], 7, keep_self_loops=keep)
    both = {*edges, *((b, a) for a, b in edges)}
    expected = sorted(edge for edge in both if keep or edge[0] != edge[1])
    assert list(zip(graph.entry_rows().tolist(), graph.indices.tolist(), strict=True)) == expected


@given(st.lists(st.integers(0, 50), max_size=60), st.sampled_from(["quicksort", "stable"]))
def test_sorted_unique_is_numpys(keys: list[int], kind: str) -> None:
    assert sorted_unique(np.array(keys, dtype=np.int64), kind).tolist() == sorted(set(keys))


@pytest.mark.parametrize(("ends", "shown"), [(([0], [5]), "`targets`.*got 5"), (([-1], [0]), "`sources`.*got -1")])
def test_edge_out_of_range(ends: tuple[list[int], list[int]], shown: str) -> None:
    with pytest.raises(ArgumentError, match=shown):
        undirected_csr(np.array(ends[0]), np.array(ends[1]), 5)


@pytest.mark.parametrize("targets", [np.array([1, 2]), np.array([1.0])], ids=["length", "float"])
def test_ends_that_do_not_fit(targets: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="Expected `sources` and `targets` to be two integer vectors"):
        undirected_csr(np.array([0]), targets, 5)


def test_pattern_sets_each_place_once() -> None:
    pattern = pattern_csr([1, 0, 1, 1], [2, 0, 2, 1], 3, 4)
    assert pattern.indptr.tolist() == [0, 1, 3, 3]
    assert pattern.indices.tolist() == [0, 1, 2]
    assert pattern.values is None


@pytest.mark.parametrize(("place", "shown"), [((3, 0), "`rows`.*got 3"), ((0, 4), "`cols`.*got 4")])
def test_pattern_place_out_of_range(place: tuple[int, int], shown: str) -> None:
    with pytest.raises(ArgumentError, match=shown):
        pattern_csr([place[0]], [place[1]], 3, 4)


def test_binary_rows_stay_a_pattern_with_a_factor() -> None:
    features = features_from_dense(np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=np.float32))
    assert isinstance(features.matrix, CSR)
    assert features.matrix.values is None
    assert features.row_scale is not None
    assert features.row_scale.tolist() == [0.5, 1.0, 1.0]
    assert features.to_dense().tolist() == [[0.5, 0.5, 0], [0, 0, 0], [0, 1, 0]]


def test_weighted_rows_are_divided_by_their_sum() -> None:
    dense = np.array([[0, 3, 1], [0, 0, 0.5]], dtype=np.float32)
    features = row_normalized(csr_from_dense(dense))
    assert features.to_dense().tolist() == [[0, 0.75, 0.25], [0, 0, 1]]


def test_negative_weights_have_no_row_sum() -> None:
    with pytest.raises(ArgumentError, match=r"`values` to be at least 0 \(got -2.0\)"):
        row_normalized(csr_from_dense(np.array([[1, -2]], dtype=np.float32)))


def test_real_columns_become_standard_and_constant_ones_zero() -> None:
    raw = np.array([[1, 7, -1], [2, 7, 1], [3, 7, 3]], dtype=np.float32)
    features = features_from_dense(raw)
    expected = np.array([-np.sqrt(1.5), 0, np.sqrt(1.5)], dtype=np.float32)
    assert np.array_equal(features.matrix, np.stack([expected, np.zeros(3), expected], axis=1))
    assert features.row_scale is None


def test_standardized_without_rows() -> None:
    assert standardized(np.empty((0, 3))).matrix.shape == (0, 3)


def test_not_finite() -> None:
    with pytest.raises(ArgumentError, match=r"finite \(got inf at node 0, column 1"):
        features_from_dense(np.array([[0.0, np.inf]]))


def test_not_a_matrix() -> None:
    with pytest.raises(ShapeError, match=r"float32 \[N, F\] \(got float32 \[3\]"):
        features_from_dense(np.ones(3))
