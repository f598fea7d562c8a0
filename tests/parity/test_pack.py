from __future__ import annotations

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.numerics import packing
from tests.cases import kernel_case as case

OPERATOR = "pack"
LENGTHS = (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 129, 257)


@pytest.mark.parametrize("num_bits", case.WIDTHS)
@pytest.mark.parametrize("length", LENGTHS)
def test_pack_and_unpack(compare, num_bits, length):
    rng = np.random.default_rng(length)
    for kind in ("random", "largest"):
        codes = case.make_codes(rng, (7, length), num_bits, kind)
        want = packing.pack(codes, num_bits)
        for extra, offset, num_threads in ((0, 0, 1), (1, 1, 2), (5, 3, 4), (32, 0, 1)):
            out = case.guarded((7, want.shape[1] + extra), np.uint8, offset)
            out.array[...] = 0xFF
            kernels.pack(case.place(codes, offset=offset).array, num_bits, out=out.array, num_threads=num_threads)
            compare.output(out, want, (num_bits, length, extra))
            source = case.place(want, want.shape[1] + extra, offset)
            back = case.guarded(codes.shape, np.uint8, offset)
            kernels.unpack(source.array, num_bits, length, out=back.array, num_threads=num_threads)
            compare.output(back, codes, (num_bits, length, extra))


@pytest.mark.parametrize("num_bits", case.WIDTHS)
def test_without_out(compare, num_bits):
    codes = case.make_codes(np.random.default_rng(0), (5, 21), num_bits)
    packed = kernels.pack(codes, num_bits)
    compare.equal(packed, packing.pack(codes, num_bits))
    compare.equal(kernels.unpack(packed, num_bits, 21), codes)
