"""Checks of `gemm`: products of packed matrices."""

from __future__ import annotations

import atexit
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from smoothbit.kernels import Epilogue, reference
from smoothbit.numerics.packing import pack
from smoothbit.testing.kernels import inputs
from smoothbit.testing.kernels.subject import Subject, new_list
from smoothbit.typing import AnyArray

LENGTHS = (0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 97)
DEPTHS = (0, 1, 2, 7, 8, 9, 16, 17, 63, 65, 97, 200)
CHECKS = new_list()


class _Case(NamedTuple):
    """What a product is made from; equal cases share one run of the reference."""

    seed: int
    num_rows: int
    num_bits: int
    depth: int
    weight_bits: int
    length: int
    kind: str = "random"
    output: str = "float"
    parts: tuple[str, ...] = ()


@lru_cache(maxsize=2048)
def _operands(case: _Case) -> tuple[AnyArray, AnyArray, Epilogue]:
    rng = np.random.default_rng(case.seed)
    source = pack(inputs.make_codes(rng, (case.num_rows, case.depth), case.num_bits, case.kind), case.num_bits)
    weight = pack(inputs.make_codes(rng, (case.depth, case.length), case.weight_bits, case.kind), case.weight_bits)
    spread = 10.0 * (1 << (case.num_bits + case.weight_bits))
    epilogue = inputs.make_epilogue(
        rng, case.num_rows, case.length, output=case.output, parts=case.parts, is_gemm=True, spread=spread
    )
    return source, weight, epilogue


@lru_cache(maxsize=2048)
def _expected(case: _Case) -> AnyArray:
    source, weight, epilogue = _operands(case)
    return reference.gemm(source, case.num_bits, case.depth, weight, case.weight_bits, epilogue)


# A cache that outlives the interpreter would keep native epilogues, which nanobind reports as leaks.
atexit.register(_operands.cache_clear)


def _check(subject: Subject, case: _Case, *, extra: int = 0, num_threads: int = 1) -> None:
    source, weight, epilogue = _operands(case)
    a = inputs.place(source, source.shape[1] + extra, extra).array
    w = inputs.place(weight, weight.shape[1] + extra, extra).array
    out = inputs.make_output(epilogue, case.num_rows, extra, extra)
    subject.call(a, case.num_bits, case.depth, w, case.weight_bits, epilogue, out=out.array, num_threads=num_threads)
    subject.output(out, _expected(case), f"{case}, extra={extra}, threads={num_threads}")


@CHECKS.add(depth=DEPTHS, num_bits=inputs.WIDTHS, weight_bits=inputs.WIDTHS)
def products_of_every_depth_and_width(subject: Subject, depth: int, num_bits: int, weight_bits: int) -> None:
    """Float output shows the sums themselves."""
    for length in LENGTHS:
        _check(subject, _Case(depth + length, 6, num_bits, depth, weight_bits, length), extra=length % 4)


@CHECKS.add(num_rows=(1, 2, 3, 4, 5, 8, 9, 33), num_threads=(1, 2, 4))
def blocks_of_rows_and_threads(subject: Subject, num_rows: int, num_threads: int) -> None:
    """The last block of rows may be short."""
    parts = ("row_term", "row_scale", "col_bias", "term", "relu")
    for num_bits, weight_bits, length in ((2, 4, 40), (8, 8, 17), (1, 2, 64), (4, 1, 9)):
        case = _Case(num_rows, num_rows, num_bits, 37, weight_bits, length, "random", "u2", parts)
        _check(subject, case, extra=3, num_threads=num_threads)


@CHECKS.add(num_bits=inputs.WIDTHS, weight_bits=inputs.WIDTHS)
def largest_codes(subject: Subject, num_bits: int, weight_bits: int) -> None:
    """No intermediate sum saturates."""
    _check(subject, _Case(1, 5, num_bits, 1500, weight_bits, 19, "largest", "float", ("row_term",)))


@CHECKS.add(part=inputs.PARTS, output=inputs.OUTPUTS)
def each_part_of_the_epilogue_alone(subject: Subject, part: str, output: str) -> None:
    """Nothing else can hide it."""
    for length in (8, 21, 64):
        _check(subject, _Case(length, 7, 4, 33, 4, length, "random", output, (part,)))
