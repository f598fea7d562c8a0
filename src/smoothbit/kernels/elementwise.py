"""Elementwise functions of float32 values."""

from __future__ import annotations

from functools import partial

import numpy as np

from smoothbit.errors import ArgumentError
from smoothbit.kernels import isa
from smoothbit.kernels.native import FLOAT32, check_array
from smoothbit.kernels.output import perform_reference, thread_count
from smoothbit.kernels.program import perform
from smoothbit.numerics import elementary
from smoothbit.typing import Float32Array

FUNCTIONS = ("leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "sigmoid", "tanh", "softplus")


def activate(
    values: Float32Array,
    function: str,
    *,
    slope: float = 0.0,
    slopes: Float32Array | None = None,
    out: Float32Array | None = None,
    num_threads: int | None = None,
) -> Float32Array:
    """Apply an activation function to each element; `numerics.elementary` has the operations.

    Args:
        values: Values [N, F], float32.
        function: One of `FUNCTIONS`.
        slope: Negative slope of leaky_relu, alpha of elu.
        slopes: Slopes [F] of prelu, float32, else None.
        out: Values [N, F], float32, or None. May be `values`.
        num_threads: Threads, or None for the default.

    Returns:
        `out`, or a new array.

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: an unknown function, or `num_threads` < 1.
    """
    if function not in FUNCTIONS:
        raise ArgumentError(
            f"Expected `function` to be one of {', '.join(FUNCTIONS)} (got {function!r}). Use one of them."
        )
    check_array("values", values, FLOAT32, (None, None))
    if function == "prelu":
        check_array("slopes", slopes, FLOAT32, (values.shape[1],))
    if out is None:
        out = np.empty_like(values)
    check_array("out", out, FLOAT32, values.shape)
    threads = thread_count(num_threads)
    if out.size == 0:
        return out
    if isa.chosen() == "numpy":
        chosen = slope if slopes is None else slopes
        return perform_reference(partial(elementary.activate, function, values, chosen), out)
    call = isa.extension().Activate(values, FUNCTIONS.index(function), slope, slopes, out, threads)
    return perform(call, out)
