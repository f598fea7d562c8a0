from __future__ import annotations

import numpy as np

from smoothbit.engine.values import num_channels, num_rows, term
from smoothbit.formats import PackedTensor
from smoothbit.numerics.affine import per_tensor_law


def test_term_folds_the_weight_into_step_and_offset():
    packed = PackedTensor(np.zeros((2, 1), np.uint8), 3, per_tensor_law(2, 0.5, zero_point=1))
    folded = term(packed, 0.1)
    np.testing.assert_array_equal(folded.step, np.full(3, np.float32(0.1) * np.float32(0.5)))
    np.testing.assert_array_equal(folded.offset, np.full(3, np.float32(0.1) * np.float32(-0.5)))
    assert (num_rows(packed), num_channels(packed)) == (2, 3)


def test_float_term_has_no_offset():
    values = np.ones((2, 3), np.float32)
    folded = term(values, 0.1)
    assert folded.num_bits == 32
    assert folded.offset is None
    assert (num_rows(values), num_channels(values)) == (2, 3)
