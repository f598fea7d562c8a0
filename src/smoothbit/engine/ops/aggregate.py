"""One step of message passing of a network's layer: sum, mean or largest over neighbours."""

from __future__ import annotations

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.ops.reduction import make_message, reduce_edges
from smoothbit.engine.values import Dense, term
from smoothbit.formats.schema import AggregateOp


@OPS.register("aggregate")
def run_aggregate(op: AggregateOp, context: Context) -> Dense:
    """Return output(relu(y)); `AggregateOp` states y."""
    edges = context.graph.edges(op.has_loops, op.relation)
    root = None
    if op.is_normalized:
        root = edges.rsqrt_degree if op.is_weighted else edges.rsqrt_counts
        message = make_message(context, context.enter(context.dense(op.source)), op.message, root)
    else:
        message = context.enter(make_message(context, context.dense(op.source), op.message, None))
    terms = [term(message, op.self_weight)] if op.self_weight != 0 else []
    if op.skip is not None and op.skip_weight != 0:
        terms.append(term(context.enter(context.dense(op.skip)), op.skip_weight))
    value = reduce_edges(
        context,
        edges,
        message,
        op.reduce,
        is_weighted=op.is_weighted,
        row_scale=root,
        weight=op.aggregate_weight,
        terms=terms,
        bias=op.bias,
        has_relu=op.has_relu,
        output=op.output,
    )
    return context.leave(value)
