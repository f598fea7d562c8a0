"""Normalisation by statistics of the values themselves."""

from __future__ import annotations

from functools import partial

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import Dense, term
from smoothbit.formats.schema import NormalizeOp
from smoothbit.numerics.normalization import normalize_graphs, normalize_lengths, normalize_rows, normalize_sets


@OPS.register("normalize")
def run_normalize(op: NormalizeOp, context: Context) -> Dense:
    """Return output(relu(normalised x)); `NormalizeOp` states the modes."""
    values = context.decoded(context.dense(op.source))
    affine = (op.scale, op.bias)
    groups = (context.graph.graph_ids, context.graph.num_graphs)
    if op.mode == "row":
        function = partial(normalize_rows, values, op.eps, *affine)
    elif op.mode == "length":
        function = partial(normalize_lengths, values, op.eps, *affine)
    elif op.mode == "set":
        function = partial(normalize_sets, values, *groups, op.eps, *affine)
    else:
        assert op.mean_scale is not None
        function = partial(normalize_graphs, values, *groups, op.eps, *affine, op.mean_scale)
    values = context.compute(function, values.shape)
    if op.output is None and not op.has_relu:
        context.record("normalized", values)
        return values
    return context.combine([term(values, 1.0)], values, op.output, "normalized", has_relu=op.has_relu)
