"""Weighted sums of values: residual connections, folded normalisations, a change of law."""

from __future__ import annotations

from dataclasses import replace

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import Dense, term
from smoothbit.formats.schema import CombineOp
from smoothbit.kernels import Term
from smoothbit.typing import Float32Array


@OPS.register("combine")
def run_combine(op: CombineOp, context: Context) -> Dense:
    """Return output(relu(bias + sum of weights[k] * scale * x_k))."""
    sources = [context.dense(number) for number in op.sources]
    terms = [term(source, weight) for source, weight in zip(sources, op.weights, strict=True)]
    if op.scale is not None:
        terms = [_scaled(added, op.scale) for added in terms]
    return context.combine(terms, sources[0], op.output, "combined", bias=op.bias, has_relu=op.has_relu)


def _scaled(added: Term, scale: Float32Array) -> Term:
    offset = None if added.offset is None else added.offset * scale
    return replace(added, step=added.step * scale, offset=offset)
