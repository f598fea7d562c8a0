"""Arguments that `attend` refuses, and results that follow from its definition; bits are checked in tests/parity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.kernels import Attention, isa
from smoothbit.kernels.attending import MAX_HEADS
from smoothbit.numerics.affine import per_tensor_law
from smoothbit.numerics.csr import csr_from_coo

ROUNDINGS = 8 * 2.0**-24
"""Reciprocal, two products, three sums, of numbers at most twice the result."""
GRAPH = csr_from_coo([0, 0, 2], [0, 1, 1], 3, 2)
LAW = per_tensor_law(8, 0.5, 2)
SOURCE = np.array([[10, 20, 30, 40], [50, 60, 70, 80]], dtype=np.uint8)
EQUAL = Attention(np.zeros((3, 2), np.float32), np.zeros((2, 2), np.float32), 2, "additive")


@pytest.mark.parametrize("name", isa.available())
def test_equal_scores_give_the_mean(name):
    with isa.use(name):
        packed = kernels.attend(GRAPH, SOURCE, LAW, 4, EQUAL)
        heads = kernels.attend(GRAPH, SOURCE, LAW, 4, replace(EQUAL, is_concatenated=False))
        floats = kernels.attend_f32(GRAPH, SOURCE.astype(np.float32), EQUAL)
    np.testing.assert_allclose(packed, [[14, 19, 24, 29], [0, 0, 0, 0], [24, 29, 34, 39]], rtol=ROUNDINGS)
    np.testing.assert_allclose(heads, [[19, 24], [0, 0], [29, 34]], rtol=ROUNDINGS)
    np.testing.assert_allclose(floats, [[30, 40, 50, 60], [0, 0, 0, 0], [50, 60, 70, 80]], rtol=ROUNDINGS)


@pytest.mark.parametrize("name", isa.available())
def test_an_infinite_score_has_no_weight(name):
    keys = np.array([[np.inf, 0], [0, -np.inf]], np.float32)
    with isa.use(name):
        out = kernels.attend(GRAPH, SOURCE, LAW, 4, replace(EQUAL, keys=keys))
    # Head 0 of row 0: inf - inf is no number, and nothing else is near; head 1 has one neighbour.
    np.testing.assert_allclose(out[0], [-1, -1, 14, 19], rtol=ROUNDINGS)


def test_more_heads_than_a_kernel_holds():
    count = MAX_HEADS + 1
    attention = Attention(np.zeros((3, count), np.float32), np.zeros((2, count), np.float32), count, "additive")
    out = kernels.attend(GRAPH, np.full((2, count), 6, np.uint8), LAW, count, attention)
    np.testing.assert_allclose(out[0], 2.0, rtol=ROUNDINGS)


REFUSED = {
    "score": ({"score": "cosine"}, ArgumentError, r"`score` to be one of additive, dynamic, dot \(got 'cosine'\)"),
    "heads": ({"num_heads": 3}, ArgumentError, r"`num_heads` to divide 4 channels \(got 3\)"),
    "no heads": ({"num_heads": 0}, ArgumentError, r"`num_heads` to divide 4 channels \(got 0\)"),
    "queries": (
        {"queries": np.zeros((2, 2), np.float32)},
        ShapeError,
        r"`queries` to be C-contiguous float32 \[3, 2\]",
    ),
    "keys": ({"keys": np.zeros((2, 4), np.float32)}, ShapeError, r"`keys` to be C-contiguous float32 \[2, 2\]"),
    "products": ({"score": "dot"}, ShapeError, r"`queries` to be C-contiguous float32 \[3, 4\]"),
}


@pytest.mark.parametrize(("change", "error", "match"), REFUSED.values(), ids=REFUSED)
def test_attention_that_does_not_fit_is_refused(change, error, match):
    with pytest.raises(error, match=match):
        kernels.attend(GRAPH, SOURCE, LAW, 4, replace(EQUAL, **change))
    with pytest.raises(error, match=match):
        kernels.attend_f32(GRAPH, SOURCE.astype(np.float32), replace(EQUAL, **change))


def test_dynamic_scores_need_a_vector():
    wide = Attention(np.zeros((3, 4), np.float32), np.zeros((2, 4), np.float32), 2, "dynamic")
    with pytest.raises(ShapeError, match=r"`vector` to be C-contiguous float32 \[4\] \(got NoneType\)"):
        kernels.attend(GRAPH, SOURCE, LAW, 4, wide)


def test_arrays_of_other_shapes_are_refused():
    with pytest.raises(ShapeError, match=r"`source` to have rows of at least 4 bytes"):
        kernels.attend(GRAPH, SOURCE[:, :3].copy(), LAW, 4, EQUAL)
    with pytest.raises(ShapeError, match=r"`out` to be C-contiguous float32 \[3, 4\]"):
        kernels.attend(GRAPH, SOURCE, LAW, 4, EQUAL, out=np.zeros((3, 5), np.float32))
    with pytest.raises(ArgumentError, match=r"`num_threads` to be >= 1 \(got 0\)"):
        kernels.attend(GRAPH, SOURCE, LAW, 4, EQUAL, num_threads=0)
