from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.errors import ShapeError
from smoothbit.formats import GraphFile, PackedFeatures, PackedTensor
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.features import Features
from smoothbit.numerics.node_order import NodeOrder
from tests.golden.make_golden import tiny_adjacency, tiny_dense_graph, tiny_sparse_graph

PATTERN = csr_from_coo([0, 2], [1, 3], 5, 4)
LAW = per_tensor_law(2, 0.5, 1)


def sparse_codes(count=2, law=LAW):
    return PackedTensor(np.zeros((1, -(-count * law.num_bits // 8)), np.uint8), count, law)


def test_sizes():
    assert (tiny_dense_graph().num_nodes, tiny_dense_graph().features.num_features) == (5, 3)
    features = PackedFeatures(sparse_codes(), PATTERN)
    assert (features.num_nodes, features.num_features) == (5, 4)


def test_plain_features_stay_as_they_are():
    graph = tiny_sparse_graph()
    assert graph.to_features() is graph.features


def test_dense_codes_become_numbers():
    row_scale = np.arange(5, dtype=np.float32)
    codes = tiny_dense_graph().features.codes
    features = PackedFeatures(codes, None, row_scale).to_features()
    np.testing.assert_array_equal(features.matrix, codes.dequantize())
    assert features.row_scale is row_scale


def test_sparse_codes_stay_sparse():
    codes = PackedTensor(np.array([[0b1101]], np.uint8), 2, LAW)
    features = PackedFeatures(codes, PATTERN).to_features()
    dense = np.zeros((5, 4), np.float32)
    dense[2, 3] = 1  # entry (0, 1) has the code of 0
    np.testing.assert_array_equal(features.to_dense(), dense)
    assert features.matrix.num_entries == 2


@pytest.mark.parametrize(
    ("codes", "pattern"),
    [
        (sparse_codes(3), PATTERN),
        (PackedTensor(np.zeros((2, 1), np.uint8), 2, LAW), PATTERN),
        (sparse_codes(), CSR(PATTERN.indptr, PATTERN.indices, 4, np.ones(2, np.float32))),
    ],
    ids=["too-many", "two-rows", "values"],
)
def test_sparse_codes_must_fit_the_pattern(codes, pattern):
    with pytest.raises(ShapeError, match=r"`codes` to be \[1, 2\] and `pattern` to have no values \(got \["):
        PackedFeatures(codes, pattern)


def test_sparse_codes_have_one_law():
    law = AffineLaw(2, *(np.ones(2, np.float32) for _ in range(3)), "per_channel")
    with pytest.raises(ShapeError, match=r"law of sparse codes to be per_tensor \(got per_channel\). Use `row_scale`"):
        PackedFeatures(sparse_codes(2, law), PATTERN)


@pytest.mark.parametrize("row_scale", [np.ones(4, np.float32), np.ones(5)], ids=["short", "float64"])
def test_row_scale_must_fit(row_scale):
    with pytest.raises(ShapeError, match=r"`row_scale` to be float32 \[5\] \(got float\d\d \[\d\]\)"):
        PackedFeatures(sparse_codes(), PATTERN, row_scale)


def test_adjacency_must_be_square():
    with pytest.raises(ShapeError, match=r"`adjacency` to be square \(got 5 x 4\)"):
        GraphFile(PATTERN, Features(PATTERN))


def test_features_must_fit():
    with pytest.raises(ShapeError, match=r"`features` to have 5 rows \(got 4\)"):
        GraphFile(tiny_adjacency(), Features(np.zeros((4, 2), np.float32)))


@pytest.mark.parametrize("labels", [np.zeros(4, np.int32), np.zeros(5, np.int8)], ids=["short", "int8"])
def test_labels_must_fit(labels):
    with pytest.raises(ShapeError, match=r"`labels` to be int32 or int64 \[5\] \(got int\d+ \[\d\]\). Pass one class"):
        GraphFile(tiny_adjacency(), Features(PATTERN), labels)


def test_order_must_fit():
    with pytest.raises(ShapeError, match=r"Expected `order` to have 5 nodes \(got 2\)"):
        replace(tiny_dense_graph(), order=NodeOrder("hand", np.int32([1, 0])))
