"""What operations know of the graph, as ONNX nodes over `edge_index`, `edge_weight`, `edge_type` and `batch`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from smoothbit.engine.edges import WEIGHT_QMAX
from smoothbit.export.onnx.writer import Writer

ZERO_I32 = np.zeros(1, np.int32)


@dataclass(frozen=True)
class View:
    """Edges that an operation reduces over, as names of tensors.

    Args:
        senders: [E] int64.
        receivers: [E] int64.
        rows: Number of receivers [1], int64.
        weights: [E] float32, or None.
    """

    senders: str
    receivers: str
    rows: str
    weights: str | None = None


def reduce_edges(w: Writer, view: View, values: str, reduction: str, initial: str) -> str:
    """Return values [E, F] or [E] reduced by receiver on top of `initial`."""
    return w.add("ScatterND", initial, w.column(view.receivers), values, reduction=reduction)


def sum_edges(w: Writer, view: View, values: str, channels: int | None) -> str:
    """Return exact int32 sums by receiver [N, F], or [N] where `channels` is None."""
    shape = [view.rows] if channels is None else [view.rows, w.constant([channels], np.int64)]
    return reduce_edges(w, view, values, "add", w.filled(shape, ZERO_I32))


def largest(w: Writer, view: View, values: str, channels: int) -> str:
    """Return the largest int32 >= 0 by receiver [N, F]; 0 for none."""
    shape = [view.rows, w.constant([channels], np.int64)]
    return reduce_edges(w, view, values, "max", w.filled(shape, ZERO_I32))


def sum_floats(w: Writer, view: View, name: str, channels: int) -> str:
    """Return float32 sums by receiver [N, F] of what nodes [N, F] send, times the weights of the edges."""
    w.is_exact = False
    sent = gathered(w, view, name)
    sent = sent if view.weights is None else w.add("Mul", sent, w.column(view.weights))
    shape = [view.rows, w.constant([channels], np.int64)]
    return reduce_edges(w, view, sent, "add", w.filled(shape, np.zeros(1, np.float32)))


def largest_floats(w: Writer, view: View, name: str, channels: int) -> str:
    """Return the largest float32 by receiver [N, F] of what nodes [N, F] send; 0 for none."""
    shape = [view.rows, w.constant([channels], np.int64)]
    lowest = w.filled(shape, np.full(1, -np.inf, np.float32))
    found = reduce_edges(w, view, gathered(w, view, name), "max", lowest)
    return w.add("Where", w.add("IsInf", found, detect_positive=0), w.constant(0), found)


def gathered(w: Writer, view: View, name: str) -> str:
    """Return the rows of a tensor [N, F] that edges send [E, F]."""
    return w.add("Gather", name, view.senders, axis=0)


def num_nodes(w: Writer) -> str:
    """Return N as [1]."""
    return w.length(w.input("x"), 0)


def given_edges(w: Writer, is_weighted: bool = False, relation: int | None = None) -> View:
    """Return the edges as they are given, or those of one relation; weights are 1 where none are given."""
    index = w.input("edge_index")
    parts = [w.add("Gather", index, w.constant(row, np.int64), axis=0) for row in (0, 1)]
    is_weighted = is_weighted and "edge_weight" in w.given
    if is_weighted:
        parts.append(w.input("edge_weight"))
    if relation is not None:
        parts = _kept(w, w.add("Equal", w.input("edge_type"), w.constant(relation, np.int64)), *parts)
    return View(parts[0], parts[1], num_nodes(w), parts[2] if is_weighted else None)


def with_missing_loops(w: Writer) -> View:
    """Return the edges and a self-loop for each node that has none."""
    edges, nodes = given_edges(w), _all_nodes(w)
    loops = w.cast(w.add("Equal", edges.senders, edges.receivers), TensorProto.INT32)
    is_there = reduce_edges(w, edges, loops, "max", w.filled([edges.rows], ZERO_I32))
    (missing,) = _kept(w, w.add("Equal", is_there, w.constant(0, np.int32)), nodes)
    ends = [w.add("Concat", part, missing, axis=0) for part in (edges.senders, edges.receivers)]
    return View(ends[0], ends[1], edges.rows)


def with_one_loop(w: Writer, edges: View) -> View:
    """Return the edges with exactly one self-loop for each node; the last of several keeps its weight."""
    is_loop, nodes = w.add("Equal", edges.senders, edges.receivers), _all_nodes(w)
    others = [edges.senders, edges.receivers, *([] if edges.weights is None else [edges.weights])]
    others = _kept(w, w.add("Not", is_loop), *others)
    ends = [w.add("Concat", part, nodes, axis=0) for part in others[:2]]
    if edges.weights is None:
        return View(ends[0], ends[1], edges.rows)
    count = w.length(edges.weights, 0)
    zero, one = (w.constant(number, np.int64) for number in (0, 1))
    numbers = w.add("Range", zero, w.add("Squeeze", count), one)
    places = w.add("Where", is_loop, numbers, w.constant(-1, np.int64))
    last = reduce_edges(w, edges, places, "max", w.filled([edges.rows], np.full(1, -1, np.int64)))
    last = w.add("Where", w.add("Less", last, zero), count, last)
    own = w.add("Gather", w.add("Concat", edges.weights, w.constant([1]), axis=0), last, axis=0)
    return View(ends[0], ends[1], edges.rows, w.add("Concat", others[2], own, axis=0))


def readout_edges(w: Writer) -> View:
    """Return the nodes as senders and the graphs of `batch` as receivers; all are one graph where it is not given."""
    if "batch" not in w.given:
        nodes = num_nodes(w)
        return View(_all_nodes(w), w.filled([nodes], np.zeros(1, np.int64)), w.constant([1], np.int64))
    batch = w.input("batch")
    largest = w.add("ReduceMax", w.add("Concat", batch, w.constant([-1], np.int64), axis=0), keepdims=1)
    return View(_all_nodes(w), batch, w.add("Add", largest, w.constant([1], np.int64)))


def integer_factors(w: Writer, view: View) -> tuple[str, str]:
    """Return the weights as integers [E] int32 and the factor of each row [N, 1]; see `engine.edges.EdgeFactors`."""
    assert view.weights is not None
    zeros = w.filled([view.rows], np.zeros(1, np.float32))
    largest = reduce_edges(w, view, w.add("Abs", view.weights), "max", zeros)
    scale = w.add("Div", largest, w.constant(WEIGHT_QMAX))
    scale = w.add("Where", w.add("Equal", scale, w.constant(0)), w.constant(1), scale)
    quotient = w.add("Div", view.weights, w.add("Gather", scale, view.receivers, axis=0))
    rounded = w.add("Clip", w.add("Round", quotient), w.constant(-WEIGHT_QMAX), w.constant(WEIGHT_QMAX))
    return w.cast(rounded, TensorProto.INT32), w.column(scale)


def counts(w: Writer, view: View) -> str:
    """Return the number of edges of each row [N], int32."""
    return sum_edges(w, view, w.filled([w.length(view.receivers, 0)], np.ones(1, np.int32)), None)


def degrees(w: Writer, view: View) -> str:
    """Return the sum of the weights of each row [N], float64; the number of edges without weights."""
    if view.weights is None:
        return counts(w, view)
    zeros = w.filled([view.rows], np.zeros(1, np.float64))
    return reduce_edges(w, view, w.cast(view.weights, TensorProto.DOUBLE), "add", zeros)


def reciprocal(w: Writer, values: str, *, is_root: bool) -> str:
    """Return 1 / n, or n^-1/2, of each row as [N, 1] float32, from float64; 0 where n is 0.

    Args:
        w: Writer.
        values: n [N], of any type.
        is_root: Whether the root is taken.
    """
    exact = w.cast(values, TensorProto.DOUBLE)
    zero, one = (w.constant(number, np.float64) for number in (0, 1))
    is_positive = w.add("Greater", exact, zero)
    safe = w.add("Where", is_positive, exact, one)
    inverse = w.add("Div", one, w.add("Sqrt", safe) if is_root else safe)
    return w.column(w.real(w.add("Where", is_positive, inverse, zero)))


def _all_nodes(w: Writer) -> str:
    zero, one = (w.constant(number, np.int64) for number in (0, 1))
    return w.add("Range", zero, w.add("Squeeze", num_nodes(w)), one)


def _kept(w: Writer, condition: str, *parts: str) -> list[str]:
    """Return the elements of vectors where `condition` holds."""
    return [w.add("Compress", part, condition, axis=0) for part in parts]
