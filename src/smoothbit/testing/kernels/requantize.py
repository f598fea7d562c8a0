"""Checks of `requantize`: the epilogue alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smoothbit.kernels import reference
from smoothbit.testing.kernels import inputs
from smoothbit.testing.kernels.subject import Subject, new_list

LENGTHS = (0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 257)
PARTS = ("row_term", "row_scale", "col_bias", "aggregate", "four_terms", "relu", "output_row_scale", "out_rows")
CHECKS = new_list()


def _check(
    subject: Subject,
    rng: np.random.Generator,
    num_rows: int,
    length: int,
    output: str,
    parts: tuple[str, ...],
    has_sum: bool,
    extra: int = 0,
    num_threads: int = 1,
) -> None:
    sums = rng.integers(-60, 60, size=(num_rows, length), dtype=np.int32) if has_sum else None
    epilogue = inputs.make_epilogue(rng, num_rows, length, output=output, parts=parts, has_sum=has_sum)
    wide = None if sums is None else sums.astype(np.int64)
    want = reference.apply_epilogue(wide, num_rows, epilogue)
    placed = None if sums is None else inputs.place(sums).array
    out = inputs.make_output(epilogue, num_rows, extra, extra)
    subject.call(placed, num_rows, epilogue, out=out.array, num_threads=num_threads)
    subject.output(out, want, f"length={length}, output={output}, parts={parts}, has_sum={has_sum}")


@CHECKS.add(output=inputs.OUTPUTS, length=LENGTHS)
def rows_of_every_length(subject: Subject, output: str, length: int) -> None:
    """With and without sums, at several strides and numbers of threads."""
    if length == 0 and output in ("per_channel", "per_group"):
        output = "u4"  # a law for each of no channels does not exist
    rng = np.random.default_rng(length)
    for has_sum in (True, False):
        for extra, num_threads in ((0, 1), (1, 2), (9, 4)):
            _check(subject, rng, 11, length, output, PARTS, has_sum, extra, num_threads)


@CHECKS.add(part=inputs.PARTS, output=inputs.OUTPUTS)
def each_part_of_the_epilogue_alone(subject: Subject, part: str, output: str) -> None:
    """Nothing else can hide it."""
    rng = np.random.default_rng(5)
    for length in (8, 21, 64, 100):
        for has_sum in (True, False):
            _check(subject, rng, 6, length, output, (part,), has_sum)


@CHECKS.add(output=inputs.OUTPUTS)
def extreme_sums(subject: Subject, output: str) -> None:
    """Sums at the ends of int32, halves that round to even, and values far outside the grid."""
    ends = np.array([0, 1, -1, 2**24 + 1, -(2**24) - 1, 2**31 - 1, -(2**31)], dtype=np.int32)
    halves = np.arange(-40, 41, dtype=np.int32)
    for values, scale in ((ends, 1.0), (ends, 1e-9), (halves, 0.5), (halves, 0.25), (halves, -0.5)):
        sums = np.ascontiguousarray(np.broadcast_to(values, (3, len(values))))
        base = inputs.make_epilogue(np.random.default_rng(1), 3, len(values), output=output, spread=4.0)
        col_scale = np.full(len(values), scale, dtype=np.float32)
        epilogue = replace(base, col_scale=col_scale, has_relu=scale == 0.25)
        want = reference.apply_epilogue(sums.astype(np.int64), 3, epilogue)
        subject.equal(subject.call(sums, 3, epilogue), want, f"output={output}, scale={scale}")
