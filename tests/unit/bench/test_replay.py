from __future__ import annotations

import numpy as np

from smoothbit import kernels
from smoothbit.bench.replay import prepared
from smoothbit.numerics.csr import csr_from_coo


def test_prepared_call_reads_its_arrays_again():
    graph = csr_from_coo(np.array([0, 1, 1]), np.array([1, 0, 1]), 2, 2)
    source, out = np.ones((2, 3), np.float32), np.empty((2, 3), np.float32)
    call = prepared(lambda: kernels.spmm_f32(graph, source, out=out))
    source[:] = 5
    call()
    np.testing.assert_array_equal(out, [[5, 5, 5], [10, 10, 10]])


def test_what_makes_no_kernel_call_stays_as_it_is():
    def operation():
        return 7

    assert prepared(operation) is operation
