"""One row for each graph from the rows of its nodes."""

from __future__ import annotations

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.ops.reduction import make_message, reduce_edges
from smoothbit.engine.values import Dense
from smoothbit.formats.schema import ReadoutOp


@OPS.register("readout")
def run_readout(op: ReadoutOp, context: Context) -> Dense:
    """Return the sum, mean or largest of the nodes of each graph [G, F]."""
    message = make_message(context, context.dense(op.source), op.message, None)
    return reduce_edges(context, context.graph.readout, message, op.reduce, output=op.output)
