from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.kernels import reference
from smoothbit.numerics.packing import pack
from tests.cases import kernel_case as case

OPERATOR = "spmm"
NUM_ROWS, NUM_COLS = 23, 19
# Around every lane and block boundary: groups of 8 channels, 16/32/64-byte blocks at each width.
LENGTHS = (0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 97, 127, 128, 129, 255, 256, 257, 300, 513)
ALL_PARTS = ("row_term", "row_scale", "col_bias", "aggregate", "term", "term_row_scale", "relu", "output_row_scale")


@lru_cache(maxsize=2048)
def _expected(seed, num_bits, length, hub, kind, weighted, output, parts, term_bits):
    """Inputs and oracle result; cached, so that all ISAs and thread counts share one oracle run."""
    rng = np.random.default_rng(seed)
    graph = case.make_graph(rng, NUM_ROWS, NUM_COLS, hub)
    codes = case.make_codes(rng, (NUM_COLS, length), num_bits, kind)
    weights = rng.integers(-127, 128, size=graph.num_entries, dtype=np.int16) if weighted else None
    epilogue = case.make_epilogue(
        rng, NUM_ROWS, length, output=output, parts=parts, term_bits=term_bits, spread=40.0 * (100 if weighted else 1)
    )
    packed = pack(codes, num_bits)
    return graph, packed, weights, epilogue, reference.spmm(graph, packed, num_bits, weights, epilogue)


def _check(compare, key, *, stride_extra=0, offset=0, out_extra=0, num_threads=1):
    graph, packed, weights, epilogue, want = _expected(*key)
    source = case.place(packed, packed.shape[1] + stride_extra, offset)
    out = case.make_output(epilogue, NUM_ROWS, out_extra, offset)
    kernels.spmm(graph, source.array, key[1], epilogue, weights=weights, out=out.array, num_threads=num_threads)
    compare.output(out, want, (key, stride_extra, offset, num_threads))
    assert source.is_intact()


@pytest.mark.parametrize("weighted", [False, True], ids=["ones", "weights"])
@pytest.mark.parametrize("num_bits", case.WIDTHS)
@pytest.mark.parametrize("length", LENGTHS)
def test_lengths_strides_and_threads(compare, num_bits, length, weighted):
    key = (length, num_bits, length, 40, "random", weighted, f"u{num_bits}", ALL_PARTS, num_bits)
    for stride_extra, offset, num_threads in ((0, 0, 1), (0, 1, 2), (3, 0, 4), (13, 7, 1), (32, 0, 1), (64, 3, 2)):
        _check(compare, key, stride_extra=stride_extra, offset=offset, out_extra=stride_extra, num_threads=num_threads)


@pytest.mark.parametrize("num_bits", case.WIDTHS)
@pytest.mark.parametrize("length", LENGTHS)
def test_exact_sums_as_floats(compare, num_bits, length):
    """Float output shows the sums themselves, not only their codes."""
    for hub in (0, 40):
        key = (length + 1, num_bits, length, hub, "random", False, "float", (), num_bits)
        _check(compare, key)
        _check(compare, key, stride_extra=(-length * num_bits // 8) % 32, num_threads=2)


@pytest.mark.parametrize("kind", ["largest", "random"])
@pytest.mark.parametrize("num_bits", case.WIDTHS)
@pytest.mark.parametrize("hub", [16, 17, 18, 34, 35, 84, 85, 86, 170, 254, 255, 256, 257, 258, 514, 600])
def test_hub_at_the_bound_of_an_accumulator(compare, num_bits, hub, kind):
    for length in (3, 16, 40, 64, 128, 200):
        for weighted in (False, True):
            key = (hub, num_bits, length, hub, kind, weighted, "float", (), num_bits)
            _check(compare, key)
            _check(compare, key, stride_extra=29, num_threads=2)


@pytest.mark.parametrize("part", case.PARTS)
@pytest.mark.parametrize("output", case.OUTPUTS)
def test_each_part_alone(compare, part, output):
    for num_bits in case.WIDTHS:
        for length in (5, 8, 33, 64):
            key = (length, num_bits, length, 0, "random", False, output, (part,), num_bits)
            _check(compare, key)


@pytest.mark.parametrize("output", case.OUTPUTS)
@pytest.mark.parametrize("num_bits", case.WIDTHS)
def test_mixed_widths_of_source_term_and_output(compare, num_bits, output):
    for term_bits in case.WIDTHS:
        for length in (7, 24, 40, 97, 128):
            parts = (*ALL_PARTS, "float_term")
            key = (length, num_bits, length, 20, "random", False, output, parts, term_bits)
            _check(compare, key, out_extra=term_bits, num_threads=2)


@pytest.mark.parametrize("num_bits", case.WIDTHS)
def test_no_rows_and_no_channels(compare, num_bits):
    rng = np.random.default_rng(0)
    for num_rows, num_channels in ((0, 21), (4, 0), (0, 0)):
        graph = case.make_graph(rng, num_rows, 5)
        epilogue = case.make_epilogue(rng, num_rows, num_channels, parts=("row_scale", "relu"))
        packed = pack(case.make_codes(rng, (5, num_channels), num_bits), num_bits)
        for num_threads in (1, 2, 4):
            got = kernels.spmm(graph, packed, num_bits, epilogue, num_threads=num_threads)
            compare.equal(got, np.zeros((num_rows, -(-num_channels // 4)), dtype=np.uint8))


def test_result_does_not_depend_on_the_number_of_threads(compare):
    rng = np.random.default_rng(3)
    graph = case.make_graph(rng, 2000, 500, hub=3000)
    packed = pack(case.make_codes(rng, (500, 72), 2), 2)
    epilogue = case.make_epilogue(rng, 2000, 72, output="u4", parts=ALL_PARTS)
    want = reference.spmm(graph, packed, 2, None, epilogue)
    for num_threads in (1, 2, 3, 4, 16, None):
        compare.equal(kernels.spmm(graph, packed, 2, epilogue, num_threads=num_threads), want)
