"""Message passing and readouts: sum, mean or largest, as `engine.ops.reduction` runs them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smoothbit.export.onnx import edges
from smoothbit.export.onnx.edges import View
from smoothbit.export.onnx.ops.scope import OPERATIONS, Scope
from smoothbit.export.onnx.values import Reals, Value, finish, integers, make_message, term
from smoothbit.export.onnx.writer import Writer
from smoothbit.formats.schema import AggregateOp, ReadoutOp
from smoothbit.kernels import Epilogue


@OPERATIONS.register("aggregate")
def write_aggregate(op: AggregateOp, scope: Scope) -> Value:
    """Return one step of message passing."""
    w, source = scope.writer, scope.value(op.source)
    view = edges.given_edges(w, op.is_weighted, op.relation)
    view = edges.with_one_loop(w, view) if op.has_loops else view
    root = edges.reciprocal(w, edges.degrees(w, view), is_root=True) if op.is_normalized else None
    message = make_message(w, source, op.message, root)
    terms = [term(w, message, op.self_weight)] if op.self_weight != 0 else []
    if op.skip is not None and op.skip_weight != 0:
        terms.append(term(w, scope.value(op.skip), op.skip_weight))
    epilogue = Epilogue(source.channels, col_bias=op.bias, has_relu=op.has_relu, output=op.output)
    return _reduced(w, view, message, op.reduce, epilogue, row_scale=root, weight=op.aggregate_weight, terms=terms)


@OPERATIONS.register("readout")
def write_readout(op: ReadoutOp, scope: Scope) -> Value:
    """Return one row for each graph of `batch`."""
    w, source = scope.writer, scope.value(op.source)
    message = make_message(w, source, op.message)
    return _reduced(w, edges.readout_edges(w), message, op.reduce, Epilogue(source.channels, output=op.output))


def _reduced(
    w: Writer,
    view: View,
    message: Value,
    reduce: str,
    epilogue: Epilogue,
    *,
    row_scale: str | None = None,
    weight: float = 1.0,
    terms: list[str] | None = None,
) -> Value:
    """Return output(relu(weight * row_scale * reduce over edges of w_e m_j + bias + terms))."""
    count, scale = edges.counts(w, view), row_scale
    one = w.constant(1, np.int32)
    if reduce == "mean":
        scale = edges.reciprocal(w, w.add("Max", count, one), is_root=False)
    if isinstance(message, Reals):
        reduction = edges.largest_floats if reduce == "max" else edges.sum_floats
        values = reduction(w, view, message.name, message.channels)
        values = values if scale is None else w.add("Mul", values, scale)
        return finish(w, None, epilogue, terms=[term(w, Reals(values, message.channels), weight), *(terms or [])])
    sent, channels = edges.gathered(w, view, integers(w, message)), message.channels
    if reduce == "max":
        sums, count = edges.largest(w, view, sent, channels), w.add("Min", count, one)
    elif view.weights is not None:
        factors, factor_scale = edges.integer_factors(w, view)
        sums = edges.sum_edges(w, view, w.add("Mul", sent, w.column(factors)), channels)
        count = edges.sum_edges(w, view, factors, None)
        scale = factor_scale if scale is None else w.add("Mul", scale, factor_scale)
    else:
        sums = edges.sum_edges(w, view, sent, channels)
    step, offset = message.law.folded(weight, channels)
    epilogue = replace(epilogue, col_scale=step, col_term=offset if offset.any() else None)
    return finish(w, sums, epilogue, row_term=w.column(w.real(count)), row_scale=scale, terms=terms or [])
