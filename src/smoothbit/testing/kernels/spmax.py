"""Checks of `spmax`: the largest of gathered packed rows."""

from __future__ import annotations

import numpy as np

from smoothbit.kernels import reference
from smoothbit.numerics.packing import pack
from smoothbit.testing.kernels import inputs
from smoothbit.testing.kernels.subject import Subject, new_list

NUM_ROWS, NUM_COLS = 23, 19
LENGTHS = (1, 2, 7, 8, 9, 31, 32, 33, 64, 65, 97, 128, 129, 255, 256, 257, 300)
CHECKS = new_list()


@CHECKS.add(length=LENGTHS, num_bits=inputs.WIDTHS)
def rows_of_every_length(subject: Subject, length: int, num_bits: int) -> None:
    """Strides, offsets, outputs and threads change nothing; padding becomes zero; a row may have no entries."""
    rng = np.random.default_rng(length * 8 + num_bits)
    graph = inputs.make_graph(rng, NUM_ROWS, NUM_COLS, 40)
    packed = pack(inputs.make_codes(rng, (NUM_COLS, length), num_bits), num_bits)
    for output in ("float", f"u{num_bits}"):
        parts = ("row_term", "row_scale", "col_bias", "term", "relu")
        epilogue = inputs.make_epilogue(rng, NUM_ROWS, length, output=output, parts=parts, term_bits=num_bits)
        want = reference.spmax(graph, packed, num_bits, epilogue)
        for extra, offset, num_threads in ((0, 0, 1), (3, 1, 3), (32, 7, 2)):
            source = inputs.place(packed, packed.shape[1] + extra, offset)
            out = inputs.make_output(epilogue, NUM_ROWS, 0 if output == "float" else extra, offset)
            subject.call(graph, source.array, num_bits, epilogue, out=out.array, num_threads=num_threads)
            subject.output(out, want, f"length={length}, output={output}, extra={extra}, threads={num_threads}")
