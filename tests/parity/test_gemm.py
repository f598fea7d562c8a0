from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.kernels import reference
from smoothbit.numerics.packing import pack
from tests.cases import kernel_case as case

OPERATOR = "gemm"
LENGTHS = (0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 97)
DEPTHS = (0, 1, 2, 7, 8, 9, 16, 17, 63, 65, 97, 200)


@lru_cache(maxsize=2048)
def _expected(seed, num_rows, num_bits, depth, weight_bits, length, kind, output, parts):
    rng = np.random.default_rng(seed)
    source = pack(case.make_codes(rng, (num_rows, depth), num_bits, kind), num_bits)
    codes = case.make_codes(rng, (depth, length), weight_bits, kind)
    weight = pack(codes, weight_bits) if depth else np.zeros((0, -(-length * weight_bits // 8)), dtype=np.uint8)
    epilogue = case.make_epilogue(
        rng, num_rows, length, output=output, parts=parts, is_gemm=True, spread=10.0 * (1 << (num_bits + weight_bits))
    )
    return source, weight, epilogue


@lru_cache(maxsize=2048)
def _result(key):
    _, num_rows, num_bits, depth, weight_bits, length, *_ = key
    source, weight, epilogue = _expected(*key)
    if depth == 0:  # no product: the sums are zero and so are the row sums
        sums = np.zeros((num_rows, length), dtype=np.int64)
        if epilogue.col_term is not None:
            zeros = np.zeros(num_rows, dtype=np.float32)
            epilogue = kernels.Epilogue(**{**vars(epilogue), "row_term": zeros})
        return reference.apply_epilogue(sums, num_rows, epilogue)
    return reference.gemm(source, num_bits, depth, weight, weight_bits, epilogue)


def _check(compare, key, *, extra=0, num_threads=1):
    _, num_rows, num_bits, depth, weight_bits, _, *_ = key
    source, weight, epilogue = _expected(*key)
    if compare.key[1] == "numpy" and depth == 0:
        return
    a = case.place(source, source.shape[1] + extra, extra)
    w = case.place(weight, weight.shape[1] + extra, extra)
    out = case.make_output(epilogue, num_rows, extra, extra)
    kernels.gemm(a.array, num_bits, depth, w.array, weight_bits, epilogue, out=out.array, num_threads=num_threads)
    compare.output(out, _result(key), (key, extra, num_threads))


@pytest.mark.parametrize("weight_bits", case.WIDTHS)
@pytest.mark.parametrize("num_bits", case.WIDTHS)
@pytest.mark.parametrize("depth", DEPTHS)
def test_exact_products(compare, depth, num_bits, weight_bits):
    for length in LENGTHS:
        key = (depth + length, 6, num_bits, depth, weight_bits, length, "random", "float", ())
        _check(compare, key, extra=length % 4)


@pytest.mark.parametrize("num_threads", [1, 2, 4])
@pytest.mark.parametrize("num_rows", [1, 2, 3, 4, 5, 8, 9, 33])
def test_row_blocks_and_threads(compare, num_rows, num_threads):
    parts = ("row_term", "row_scale", "col_bias", "term", "relu")
    for num_bits, weight_bits, length in ((2, 4, 40), (8, 8, 17), (1, 2, 64), (4, 1, 9)):
        key = (num_rows, num_rows, num_bits, 37, weight_bits, length, "random", "u2", parts)
        _check(compare, key, extra=3, num_threads=num_threads)


@pytest.mark.parametrize("weight_bits", case.WIDTHS)
@pytest.mark.parametrize("num_bits", case.WIDTHS)
def test_largest_codes(compare, num_bits, weight_bits):
    key = (1, 5, num_bits, 1500, weight_bits, 19, "largest", "float", ("row_term",))
    _check(compare, key)


@pytest.mark.parametrize("part", case.PARTS)
@pytest.mark.parametrize("output", case.OUTPUTS)
def test_each_part_alone(compare, part, output):
    for length in (8, 21, 64):
        _check(compare, (length, 7, 4, 33, 4, length, "random", output, (part,)))
