"""Elementwise functions."""

from __future__ import annotations

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import Dense
from smoothbit.formats.schema import ActivateOp


@OPS.register("activate")
def run_activate(op: ActivateOp, context: Context) -> Dense:
    """Return output(function(x))."""
    values = context.backend.activate(context.decoded(context.dense(op.source)), op.function, op.slope, op.slopes)
    return context.quantized(values, op.output, "activations")
