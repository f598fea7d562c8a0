"""Attention over neighbours (GAT, GATv2, Transformer)."""

from __future__ import annotations

import numpy as np

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.ops.reduction import make_message
from smoothbit.engine.values import Dense, term
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import AttendOp
from smoothbit.kernels import Attention


@OPS.register("attend")
def run_attend(op: AttendOp, context: Context) -> Dense:
    """Return output(relu(y)); `AttendOp` states y, `kernels.attention` the order of operations."""
    message = context.enter(make_message(context, context.dense(op.source), op.message, None))
    queries, keys = (context.enter(context.dense(number)) for number in (op.queries, op.keys))
    assert isinstance(queries, np.ndarray)
    assert isinstance(keys, np.ndarray)
    attention = Attention(queries, keys, op.num_heads, op.score, op.slope, op.scale, op.vector, op.is_concatenated)
    graph = context.graph.edges(op.has_loops).csr
    if isinstance(message, PackedTensor):
        values = context.backend.attend(graph, message.data, message.law, message.num_channels, attention)
    else:
        values = context.backend.attend_f32(graph, message, attention)
    if op.bias is None and not op.has_relu and op.output is None:
        context.record("attended", values)
        return context.leave(values)
    terms = [term(values, 1.0)]
    return context.leave(context.combine(terms, values, op.output, "attended", bias=op.bias, has_relu=op.has_relu))
