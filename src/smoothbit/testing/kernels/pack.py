"""Checks of `pack` and `unpack`."""

from __future__ import annotations

import numpy as np

from smoothbit.numerics import packing
from smoothbit.testing.kernels import inputs
from smoothbit.testing.kernels.subject import Subject, new_list

LENGTHS = (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 129, 257)
CHECKS = new_list()


@CHECKS.add(num_bits=inputs.WIDTHS, length=LENGTHS)
def rows_of_every_length_are_packed_and_unpacked(subject: Subject, num_bits: int, length: int) -> None:
    """Strides, offsets and threads change nothing; padding becomes zero."""
    rng = np.random.default_rng(length)
    for kind in ("random", "largest"):
        codes = inputs.make_codes(rng, (7, length), num_bits, kind)
        want = packing.pack(codes, num_bits)
        for extra, offset, num_threads in ((0, 0, 1), (1, 1, 2), (5, 3, 4), (32, 0, 1)):
            case = f"num_bits={num_bits}, length={length}, extra={extra}, offset={offset}, threads={num_threads}"
            out = inputs.guarded((7, want.shape[1] + extra), np.uint8, offset)
            out.array[...] = 0xFF
            placed = inputs.place(codes, offset=offset).array
            subject.operators.pack(placed, num_bits, out=out.array, num_threads=num_threads)
            subject.output(out, want, case)
            source = inputs.place(want, want.shape[1] + extra, offset)
            back = inputs.guarded(codes.shape, np.uint8, offset)
            subject.operators.unpack(source.array, num_bits, length, out=back.array, num_threads=num_threads)
            subject.output(back, codes, f"{case}, unpacked")


@CHECKS.add(num_bits=inputs.WIDTHS)
def a_new_array_is_returned_without_out(subject: Subject, num_bits: int) -> None:
    """Both make rows of exactly as many bytes as needed."""
    codes = inputs.make_codes(np.random.default_rng(0), (5, 21), num_bits)
    packed = subject.operators.pack(codes, num_bits)
    subject.equal(packed, packing.pack(codes, num_bits))
    subject.equal(subject.operators.unpack(packed, num_bits, 21), codes)
