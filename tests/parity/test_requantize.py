from __future__ import annotations

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.kernels import reference
from tests.cases import kernel_case as case

OPERATOR = "requantize"
LENGTHS = (0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 257)
PARTS = ("row_term", "row_scale", "col_bias", "aggregate", "four_terms", "relu", "output_row_scale")


def _check(compare, rng, num_rows, length, output, parts, has_sum, extra=0, num_threads=1):
    sums = rng.integers(-60, 60, size=(num_rows, length), dtype=np.int32) if has_sum else None
    epilogue = case.make_epilogue(rng, num_rows, length, output=output, parts=parts, has_sum=has_sum)
    wide = None if sums is None else sums.astype(np.int64)
    want = reference.apply_epilogue(wide, num_rows, epilogue)
    placed = None if sums is None else case.place(sums).array
    out = case.make_output(epilogue, num_rows, extra, extra)
    kernels.requantize(placed, num_rows, epilogue, out=out.array, num_threads=num_threads)
    compare.output(out, want, (length, output, parts, has_sum))


@pytest.mark.parametrize("output", case.OUTPUTS)
@pytest.mark.parametrize("length", LENGTHS)
def test_lengths(compare, length, output):
    if length == 0 and output in ("per_channel", "per_group"):
        output = "u4"  # a law for each of no channels does not exist
    rng = np.random.default_rng(length)
    for has_sum in (True, False):
        for extra, num_threads in ((0, 1), (1, 2), (9, 4)):
            _check(compare, rng, 11, length, output, PARTS, has_sum, extra, num_threads)


@pytest.mark.parametrize("part", case.PARTS)
@pytest.mark.parametrize("output", case.OUTPUTS)
def test_each_part_alone(compare, part, output):
    rng = np.random.default_rng(5)
    for length in (8, 21, 64, 100):
        for has_sum in (True, False):
            _check(compare, rng, 6, length, output, (part,), has_sum)


@pytest.mark.parametrize("output", case.OUTPUTS)
def test_extreme_sums(compare, output):
    """Sums at the ends of int32, halves that round to even, and values far outside the grid."""
    ends = np.array([0, 1, -1, 2**24 + 1, -(2**24) - 1, 2**31 - 1, -(2**31)], dtype=np.int32)
    halves = np.arange(-40, 41, dtype=np.int32)
    for values, scale in ((ends, 1.0), (ends, 1e-9), (halves, 0.5), (halves, 0.25), (halves, -0.5)):
        sums = np.ascontiguousarray(np.broadcast_to(values, (3, len(values))))
        rng = np.random.default_rng(1)
        base = case.make_epilogue(rng, 3, len(values), output=output, spread=4.0)
        epilogue = kernels.Epilogue(
            **{**vars(base), "col_scale": np.full(len(values), scale, dtype=np.float32), "has_relu": scale == 0.25}
        )
        want = reference.apply_epilogue(sums.astype(np.int64), 3, epilogue)
        compare.equal(kernels.requantize(sums, 3, epilogue), want, (output, scale))
