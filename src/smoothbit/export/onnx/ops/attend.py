"""Attention over neighbours, in the order of `kernels.attention`; exp is that of the library that runs the graph."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from smoothbit.export.onnx import edges
from smoothbit.export.onnx.edges import View
from smoothbit.export.onnx.ops.scope import OPERATIONS, Scope
from smoothbit.export.onnx.values import Codes, Reals, Value, finish, integers, make_message, term
from smoothbit.export.onnx.writer import Writer
from smoothbit.formats.schema import AttendOp
from smoothbit.kernels import Epilogue
from smoothbit.kernels.attention import ATTENTION_QMAX


@OPERATIONS.register("attend")
def write_attend(op: AttendOp, scope: Scope) -> Value:
    """Return the mean of messages, weighted by attention."""
    w = scope.writer
    w.is_exact = False
    view = edges.given_edges(w)
    view = edges.with_one_loop(w, view) if op.has_loops else view
    message = make_message(w, scope.value(op.source), op.message)
    width = message.channels // op.num_heads
    scores = _scores(op, w, view, scope.value(op.queries), scope.value(op.keys), width)
    shares = _shares(w, view, scores, op.num_heads)
    values = _weighted(op, w, view, message, shares, width)
    heads = [-1, message.channels]
    if not op.is_concatenated:
        values = w.add("ReduceSum", values, w.constant([1], np.int64), keepdims=0)
        values, heads = w.add("Mul", values, w.constant(np.float32(1) / np.float32(op.num_heads))), [-1, width]
    added = term(w, Reals(w.add("Reshape", values, w.constant(heads, np.int64)), heads[1]))
    return finish(w, None, Epilogue(heads[1], col_bias=op.bias, has_relu=op.has_relu, output=op.output), terms=[added])


def _scores(op: AttendOp, w: Writer, view: View, queries: Value, keys: Value, width: int) -> str:
    """Return the score of each edge and head [E, H]."""
    key = w.add("Gather", keys.name, view.senders, axis=0)
    query = w.add("Gather", queries.name, view.receivers, axis=0)
    if op.score == "dot":
        return w.add("Mul", _by_head(op, w, w.add("Mul", key, query), width), w.constant(op.scale))
    total = w.add("Add", key, query)
    is_positive = w.add("Greater", total, w.constant(0))
    total = w.add("Where", is_positive, total, w.add("Mul", total, w.constant(op.slope)))
    if op.vector is None:
        return total
    return _by_head(op, w, w.add("Mul", total, w.constant(op.vector)), width)


def _by_head(op: AttendOp, w: Writer, values: str, width: int) -> str:
    """Return the sum over the channels of each head [E, H]."""
    split = w.add("Reshape", values, w.constant([-1, op.num_heads, width], np.int64))
    return w.add("ReduceSum", split, w.constant([2], np.int64), keepdims=0)


def _shares(w: Writer, view: View, scores: str, num_heads: int) -> str:
    """Return the integer weight of each edge and head [E, H], int32."""
    shape = [view.rows, w.constant([num_heads], np.int64)]
    lowest = w.filled(shape, np.full(1, -np.inf, np.float32))
    largest = edges.reduce_edges(w, view, scores, "max", lowest)
    below = w.add("Sub", scores, w.add("Gather", largest, view.receivers, axis=0))
    power = w.real(w.add("Exp", w.cast(below, TensorProto.DOUBLE)))
    return w.cast(w.add("Round", w.add("Mul", power, w.constant(ATTENTION_QMAX))), TensorProto.INT32)


def _weighted(op: AttendOp, w: Writer, view: View, message: Value, shares: str, width: int) -> str:
    """Return the weighted mean of messages by head [N, H, C]; 0 for no edge."""
    heads = w.constant([op.num_heads], np.int64)
    totals = edges.reduce_edges(w, view, shares, "add", w.filled([view.rows, heads], edges.ZERO_I32))
    shape = [view.rows, heads, w.constant([width], np.int64)]
    split = w.constant([-1, op.num_heads, width], np.int64)
    sent = integers(w, message) if isinstance(message, Codes) else message.name
    sent = w.add("Reshape", edges.gathered(w, view, sent), split)
    factors = w.add("Unsqueeze", shares, w.constant([2], np.int64))
    is_there = w.add("Unsqueeze", w.add("Greater", totals, w.constant(0, np.int32)), w.constant([2], np.int64))
    inverse = w.add("Reciprocal", w.add("Unsqueeze", w.real(totals), w.constant([2], np.int64)))
    if isinstance(message, Reals):
        zeros = w.filled(shape, np.zeros(1, np.float32))
        sums = edges.reduce_edges(w, view, w.add("Mul", sent, w.real(factors)), "add", zeros)
        return w.add("Where", is_there, w.add("Mul", sums, inverse), w.constant(0))
    sums = edges.reduce_edges(w, view, w.add("Mul", sent, factors), "add", w.filled(shape, edges.ZERO_I32))
    step, offset = message.law.folded(1.0, message.channels)
    y = w.add("Mul", w.real(sums), inverse)
    y = w.add("Mul", y, w.constant(step.reshape(op.num_heads, width)))
    y = w.add("Add", y, w.constant(offset.reshape(op.num_heads, width)))
    return w.add("Where", is_there, y, w.constant(0))
