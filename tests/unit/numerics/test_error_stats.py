from __future__ import annotations

import math

import numpy as np
import pytest

from smoothbit.errors import ShapeError
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.error_stats import error_stats

LAW = per_tensor_law(2, 1.0)  # grid 0, 1, 2, 3


def stats(*values, law=LAW):
    return error_stats(np.array([values], np.float32), law)


def test_numbers_by_hand():
    found = stats(0.25, 1, 5, -1)  # errors 0.25, 0, 2, 1
    noise, signal = 0.0625 + 4 + 1, 0.0625 + 1 + 25 + 1
    assert found.max_abs == 2
    assert found.mean_abs == 3.25 / 4
    assert found.rmse == math.sqrt(noise / 4)
    assert found.sqnr_db == 10 * math.log10(signal / noise)
    assert found.relative_l2 == math.sqrt(noise / signal)
    assert found.share_clipped == 0.5


def test_without_error():
    found = stats(0, 1, 2, 3)
    assert (found.max_abs, found.rmse, found.sqnr_db, found.share_clipped) == (0, 0, math.inf, 0)


def test_without_signal():
    found = stats(0, 0)
    assert math.isnan(found.sqnr_db)
    assert math.isnan(found.relative_l2)
    half = stats(0, law=per_tensor_law(1, 1.0, 0, 0.5))  # code 0 stands for -0.5
    assert (half.max_abs, half.sqnr_db) == (0.5, -math.inf)


def test_clipping_of_a_truncated_law_counts_fine_codes():
    one = np.array([1], np.float32)
    truncated = AffineLaw(2, one, one * 0, one * 0, divisor=85)
    assert stats(0, 255, 255.4, 256, law=truncated).share_clipped == 0.25


def test_nothing_to_measure():
    with pytest.raises(ShapeError, match=r"`x` to have elements \(got shape \[0, 3\]\). Pass calibration data"):
        error_stats(np.zeros((0, 3), np.float32), LAW)
