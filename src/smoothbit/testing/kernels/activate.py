"""Checks of `activate`: elementwise functions."""

from __future__ import annotations

import numpy as np

from smoothbit.kernels.elementwise import FUNCTIONS
from smoothbit.numerics import elementary
from smoothbit.testing.kernels import inputs
from smoothbit.testing.kernels.subject import Subject, new_list

SHAPES = ((1, 1), (3, 3), (2, 8), (7, 33), (300, 17))
CHECKS = new_list()


@CHECKS.add(function=FUNCTIONS)
def values_of_every_size(subject: Subject, function: str) -> None:
    """Around each change of formula, tiny, huge, and both zeros; threads change nothing."""
    rng = np.random.default_rng(FUNCTIONS.index(function))
    edges = np.array(
        [0, -0.0, 1e-45, -1e-45, 0.34, -0.34, 0.17, -0.17, 5.4, -5.4, 88, -88, -104, 1e30, -1e30], np.float32
    )
    near = np.concatenate([np.nextafter(edges, np.float32(side)) for side in (-np.inf, np.inf)])
    for shape in SHAPES:
        count = shape[0] * shape[1]
        spread = rng.standard_normal(count) * 10.0 ** rng.uniform(-8, 2, count)
        values = np.concatenate([edges, near, spread.astype(np.float32)])[:count].reshape(shape)
        slopes = rng.standard_normal(shape[1], dtype=np.float32) if function == "prelu" else None
        want = elementary.activate(function, values, 0.7 if slopes is None else slopes)
        for offset, num_threads in ((0, 1), (4, 3)):
            placed = inputs.place(values, offset=offset)
            out = inputs.place(np.zeros_like(want), offset=offset)
            subject.call(placed.array, function, slope=0.7, slopes=slopes, out=out.array, num_threads=num_threads)
            subject.output(out, want, f"shape={shape}, threads={num_threads}")
