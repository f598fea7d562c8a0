"""Elementwise functions."""

from __future__ import annotations

from functools import partial

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import Dense
from smoothbit.formats.schema import ActivateOp
from smoothbit.numerics.elementary import activate


@OPS.register("activate")
def run_activate(op: ActivateOp, context: Context) -> Dense:
    """Return output(function(x))."""
    values = context.decoded(context.dense(op.source))
    slope = op.slope if op.slopes is None else op.slopes
    return context.quantized(
        context.compute(partial(activate, op.function, values, slope), values.shape), op.output, "activations"
    )
