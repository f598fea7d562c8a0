from __future__ import annotations

import numpy as np
import pytest

from smoothbit.numerics.aligned import CACHE_LINE_BYTES, HUGE_PAGE_BYTES, aligned_copy, aligned_empty


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (33,)])
def test_arrays_start_on_a_cache_line(shape, dtype):
    array = aligned_empty(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype)
    assert array.ctypes.data % CACHE_LINE_BYTES == 0
    assert array.flags.c_contiguous


def test_arrays_may_be_empty():
    assert aligned_empty((0, 3), np.float32).shape == (0, 3)


def test_a_copy_holds_the_same_values():
    values = np.arange(12, dtype=np.float32).reshape(3, 4).T
    copy = aligned_copy(values)
    np.testing.assert_array_equal(copy, values)
    assert copy.ctypes.data % CACHE_LINE_BYTES == 0


def test_large_arrays_start_on_a_huge_page():
    array = aligned_empty((HUGE_PAGE_BYTES // 2,), np.uint8)
    assert array.ctypes.data % HUGE_PAGE_BYTES == 0
    array[:] = 1
    assert array.sum(dtype=np.int64) == array.size
