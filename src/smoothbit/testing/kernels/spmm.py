"""Checks of `spmm`: gather-and-add of packed rows."""

from __future__ import annotations

import atexit
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from smoothbit.kernels import Epilogue, reference
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.packing import pack
from smoothbit.testing.kernels import inputs
from smoothbit.testing.kernels.subject import Subject, new_list
from smoothbit.typing import AnyArray

NUM_ROWS, NUM_COLS = 23, 19
LENGTHS = (0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 97, 127, 128, 129, 255, 256, 257, 300, 513)
"""Around every lane and block boundary: groups of 8 channels, 16/32/64-byte blocks at each width."""
HUBS = (16, 17, 18, 34, 35, 84, 85, 86, 170, 254, 255, 256, 257, 258, 514, 600)
"""Around what a narrow accumulator holds at each width."""
ALL_PARTS = ("row_term", "row_scale", "col_bias", "aggregate", "term", "term_row_scale", "relu", "output_row_scale")
CHECKS = new_list()


class _Case(NamedTuple):
    """What a call is made from; equal cases share one run of the reference."""

    seed: int
    num_bits: int
    length: int
    hub: int = 0
    kind: str = "random"
    has_weights: bool = False
    output: str = "float"
    parts: tuple[str, ...] = ()
    term_bits: int = 2


@lru_cache(maxsize=2048)
def _expected(case: _Case) -> tuple[CSR, AnyArray, AnyArray | None, Epilogue, AnyArray]:
    """Return the operands and what the reference makes of them."""
    rng = np.random.default_rng(case.seed)
    graph = inputs.make_graph(rng, NUM_ROWS, NUM_COLS, case.hub)
    codes = inputs.make_codes(rng, (NUM_COLS, case.length), case.num_bits, case.kind)
    weights = rng.integers(-127, 128, size=graph.num_entries, dtype=np.int16) if case.has_weights else None
    epilogue = inputs.make_epilogue(
        rng,
        NUM_ROWS,
        case.length,
        output=case.output,
        parts=case.parts,
        term_bits=case.term_bits,
        spread=40.0 * (100 if case.has_weights else 1),
    )
    packed = pack(codes, case.num_bits)
    return graph, packed, weights, epilogue, reference.spmm(graph, packed, case.num_bits, weights, epilogue)


# A cache that outlives the interpreter would keep native epilogues, which nanobind reports as leaks.
atexit.register(_expected.cache_clear)


def _check(
    subject: Subject, case: _Case, *, extra: int = 0, offset: int = 0, out_extra: int = 0, num_threads: int = 1
) -> None:
    graph, packed, weights, epilogue, want = _expected(case)
    source = inputs.place(packed, packed.shape[1] + extra, offset)
    out = inputs.make_output(epilogue, NUM_ROWS, out_extra, offset)
    subject.call(graph, source.array, case.num_bits, epilogue, weights=weights, out=out.array, num_threads=num_threads)
    subject.output(out, want, f"{case}, extra={extra}, offset={offset}, threads={num_threads}")


@CHECKS.add(length=LENGTHS, num_bits=inputs.WIDTHS, has_weights=(False, True))
def rows_of_every_length(subject: Subject, length: int, num_bits: int, has_weights: bool) -> None:
    """Strides, offsets and threads change nothing; padding becomes zero."""
    case = _Case(length, num_bits, length, 40, "random", has_weights, f"u{num_bits}", ALL_PARTS, num_bits)
    for extra, offset, num_threads in ((0, 0, 1), (0, 1, 2), (3, 0, 4), (13, 7, 1), (32, 0, 1), (64, 3, 2)):
        _check(subject, case, extra=extra, offset=offset, out_extra=extra, num_threads=num_threads)


@CHECKS.add(length=LENGTHS, num_bits=inputs.WIDTHS)
def sums_are_exact(subject: Subject, length: int, num_bits: int) -> None:
    """Float output shows the sums themselves, not only their codes."""
    for hub in (0, 40):
        case = _Case(length + 1, num_bits, length, hub)
        _check(subject, case)
        _check(subject, case, extra=(-length * num_bits // 8) % 32, num_threads=2)


@CHECKS.add(hub=HUBS, num_bits=inputs.WIDTHS, kind=("largest", "random"))
def a_hub_at_the_bound_of_an_accumulator(subject: Subject, hub: int, num_bits: int, kind: str) -> None:
    """No intermediate sum saturates."""
    for length in (3, 16, 40, 64, 128, 200):
        for has_weights in (False, True):
            case = _Case(hub, num_bits, length, hub, kind, has_weights)
            _check(subject, case)
            _check(subject, case, extra=29, num_threads=2)


@CHECKS.add(part=inputs.PARTS, output=inputs.OUTPUTS)
def each_part_of_the_epilogue_alone(subject: Subject, part: str, output: str) -> None:
    """Nothing else can hide it."""
    for num_bits in inputs.WIDTHS:
        for length in (5, 8, 33, 64):
            _check(subject, _Case(length, num_bits, length, 0, "random", False, output, (part,), num_bits))


@CHECKS.add(num_bits=inputs.WIDTHS, output=inputs.OUTPUTS)
def mixed_widths_of_source_term_and_output(subject: Subject, num_bits: int, output: str) -> None:
    """Every width meets every other."""
    for term_bits in inputs.WIDTHS:
        for length in (7, 24, 40, 97, 128):
            parts = (*ALL_PARTS, "float_term")
            case = _Case(length, num_bits, length, 20, "random", False, output, parts, term_bits)
            _check(subject, case, out_extra=term_bits, num_threads=2)


@CHECKS.add(num_bits=inputs.WIDTHS)
def no_rows_and_no_channels(subject: Subject, num_bits: int) -> None:
    """Nothing to do is no error."""
    rng = np.random.default_rng(0)
    for num_rows, num_channels in ((0, 21), (4, 0), (0, 0)):
        graph = inputs.make_graph(rng, num_rows, 5)
        epilogue = inputs.make_epilogue(rng, num_rows, num_channels, parts=("row_scale", "relu"))
        packed = pack(inputs.make_codes(rng, (5, num_channels), num_bits), num_bits)
        for num_threads in (1, 2, 4):
            got = subject.call(graph, packed, num_bits, epilogue, num_threads=num_threads)
            subject.equal(got, np.zeros((num_rows, -(-num_channels // 4)), dtype=np.uint8))


@CHECKS.add()
def the_number_of_threads_does_not_matter(subject: Subject) -> None:
    """Rows are split among threads, sums never."""
    rng = np.random.default_rng(3)
    graph = inputs.make_graph(rng, 2000, 500, hub=3000)
    packed = pack(inputs.make_codes(rng, (500, 72), 2), 2)
    epilogue = inputs.make_epilogue(rng, 2000, 72, output="u4", parts=ALL_PARTS)
    want = reference.spmm(graph, packed, 2, None, epilogue)
    for num_threads in (1, 2, 3, 4, 16, None):
        got = subject.call(graph, packed, 2, epilogue, num_threads=num_threads)
        subject.equal(got, want, f"threads={num_threads}")
