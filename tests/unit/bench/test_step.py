from __future__ import annotations

import numpy as np
import pytest

from smoothbit.bench.step import MEAN_WEIGHT, SKIP_WEIGHT, STATE_BOUND, mean_matrix, packed_step, random_states
from smoothbit.engine import KernelBackend
from smoothbit.formats.packed_tensor import PackedTensor


@pytest.mark.parametrize("num_bits", [1, 2, 4, 8])
def test_step_is_the_quantized_float_step(graph, num_bits):
    step = packed_step(graph, *random_states(60, 13, seed=2), num_bits)
    out = step.bind(KernelBackend(1), step.epilogue())()
    state, source = step.state.dequantize(), step.source.dequantize()
    matrix = mean_matrix(graph)
    dense = np.zeros((60, 60))
    dense[matrix.entry_rows(), matrix.indices] = matrix.values
    wanted = MEAN_WEIGHT * dense @ state + SKIP_WEIGHT * graph.rsqrt_degree[:, None] * source
    law = step.state.law
    got = PackedTensor(out, 13, law).dequantize()
    low, high = law.offset[0], law.offset[0] + law.qmax * law.step[0]
    # Half a step of rounding, and float32 against float64 on sums of a few hundred terms.
    assert np.abs(got - np.clip(wanted, low, high)).max() <= 0.5 * law.step[0] + 1e-4


def test_states_are_reproducible_and_bounded():
    first, second = random_states(5, 4, seed=0)
    again, _ = random_states(5, 4, seed=0)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert max(np.abs(first).max(), np.abs(second).max()) <= STATE_BOUND


def test_rows_of_the_mean_matrix_add_to_one(graph):
    matrix = mean_matrix(graph)
    sums = np.add.reduceat(matrix.values, matrix.indptr[:-1])
    assert sums == pytest.approx(np.ones(60), abs=1e-6)
