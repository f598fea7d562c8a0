"""Normalisations: float64 nodes, rounded once to float32, as `numerics.normalization`."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from smoothbit.export.onnx import edges
from smoothbit.export.onnx.edges import View
from smoothbit.export.onnx.ops.scope import OPERATIONS, Scope
from smoothbit.export.onnx.values import Value, finish, term
from smoothbit.export.onnx.writer import Writer
from smoothbit.formats.schema import NormalizeOp
from smoothbit.kernels import Epilogue
from smoothbit.typing import Float32Array


@OPERATIONS.register("normalize")
def write_normalize(op: NormalizeOp, scope: Scope) -> Value:
    """Return values normalised over a row, a graph or a channel of a graph."""
    w, source = scope.writer, scope.value(op.source)
    w.is_exact = False
    x, eps = w.cast(term(w, source), TensorProto.DOUBLE), w.constant(op.eps, np.float64)
    if op.mode == "length":
        y = w.add("Div", x, w.add("Max", w.add("Sqrt", _row_sums(w, w.add("Mul", x, x))), eps))
    elif op.mode == "row":
        count = w.constant(max(source.channels, 1), np.float64)
        centered = w.add("Sub", x, w.add("Div", _row_sums(w, x), count))
        variance = w.add("Div", _row_sums(w, w.add("Mul", centered, centered)), count)
        y = w.add("Div", centered, w.add("Sqrt", w.add("Add", variance, eps)))
    else:
        y = _over_graphs(op, w, x, source.channels, eps)
    y = y if op.scale is None else w.add("Mul", y, _wide(w, op.scale))
    y = y if op.bias is None else w.add("Add", y, _wide(w, op.bias))
    return finish(w, None, Epilogue(source.channels, has_relu=op.has_relu, output=op.output), terms=[w.real(y)])


def _over_graphs(op: NormalizeOp, w: Writer, x: str, channels: int, eps: str) -> str:
    view = edges.readout_edges(w)
    is_set = op.mode == "set"
    centered = w.add("Sub", x, _mean(w, view, x, channels, is_set, op.mean_scale))
    square = _mean(w, view, w.add("Mul", centered, centered), channels, is_set, None)
    if is_set:
        return w.add("Div", centered, w.add("Add", w.add("Sqrt", square), eps))
    return w.add("Div", centered, w.add("Sqrt", w.add("Add", square, eps)))


def _mean(w: Writer, view: View, x: str, channels: int, is_set: bool, factor: Float32Array | None) -> str:
    """Return the mean over the graph of each node, of all values [N, 1] or of each channel [N, F]."""
    width = 1 if is_set else channels
    zeros = w.filled([view.rows, w.constant([width], np.int64)], np.zeros(1, np.float64))
    totals = edges.reduce_edges(w, view, _row_sums(w, x) if is_set else x, "add", zeros)
    count = w.column(w.cast(edges.counts(w, view), TensorProto.DOUBLE))
    count = w.add("Mul", count, w.constant(channels, np.float64)) if is_set else count
    mean = w.add("Div", totals, w.add("Max", count, w.constant(1, np.float64)))
    mean = mean if factor is None else w.add("Mul", mean, _wide(w, factor))
    return w.add("Gather", mean, view.receivers, axis=0)


def _row_sums(w: Writer, x: str) -> str:
    return w.add("ReduceSum", x, w.constant([1], np.int64), keepdims=1)


def _wide(w: Writer, values: Float32Array) -> str:
    return w.constant(values, np.float64)
