"""What `aggregate` and `readout` share: messages, and their sum, mean or largest over edges, in one kernel call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smoothbit.engine.edges import Edges
from smoothbit.engine.ops.context import Context
from smoothbit.engine.values import Dense, same_law, term
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.kernels import Epilogue, Term
from smoothbit.numerics.affine import AffineLaw
from smoothbit.typing import Float32Array


def make_message(context: Context, source: Dense, law: AffineLaw | None, row_scale: Float32Array | None) -> Dense:
    """Return message(row_scale x); a source of that law is its own message, code for code."""
    if row_scale is None and (same_law(source.law, law) if isinstance(source, PackedTensor) else law is None):
        context.record("message", source)
        return source
    return context.combine([term(source, 1.0, row_scale)], source, law, "message")


def reduce_edges(
    context: Context,
    edges: Edges,
    message: Dense,
    reduce: str,
    *,
    is_weighted: bool = False,
    row_scale: Float32Array | None = None,
    weight: float = 1.0,
    terms: Sequence[Term] = (),
    bias: Float32Array | None = None,
    has_relu: bool = False,
    output: AffineLaw | None = None,
) -> Dense:
    """Return output(relu(weight * row_scale * reduce over edges of w_e m_j + bias + terms)).

    Args:
        context: State of the run.
        edges: Edges by receiver [N, M].
        message: m [M, F].
        reduce: "sum", "mean" or "max".
        is_weighted: Whether weights of the edges are factors; not with "max".
        row_scale: Factor of each row [N] beside that of a mean, or None.
        weight: Factor of the result.
        terms: What is added, at most 4.
        bias: Bias [F], or None.
        has_relu: Whether negative values become 0.
        output: Law of the result, or None.
    """
    scale = edges.inv_counts if reduce == "mean" else row_scale
    if not isinstance(message, PackedTensor):
        return _reduce_f32(context, edges, message, reduce, is_weighted, scale, weight, terms, bias, has_relu, output)
    channels, law = message.num_channels, message.law
    factors = edges.factors if is_weighted else None
    counts = edges.is_present if reduce == "max" else edges.counts
    if factors is not None:
        counts = factors.row_sums
        scale = factors.row_scale if scale is None else scale * factors.row_scale
    step, offset = law.folded(weight, channels)
    epilogue = Epilogue(
        channels,
        col_scale=step,
        row_term=counts if offset.any() else None,
        col_term=offset if offset.any() else None,
        row_scale=scale,
        col_bias=bias,
        terms=tuple(terms),
        has_relu=has_relu,
        output=output,
    )
    if reduce == "max":
        array = context.backend.spmax(edges.csr, message.data, law.num_bits, epilogue)
    else:
        integers = None if factors is None else factors.integers
        array = context.backend.spmm(edges.csr, message.data, law.num_bits, integers, epilogue)
    return context.finish(array, channels, output, "reduced")


def _reduce_f32(
    context: Context,
    edges: Edges,
    message: Float32Array,
    reduce: str,
    is_weighted: bool,
    scale: Float32Array | None,
    weight: float,
    terms: Sequence[Term],
    bias: Float32Array | None,
    has_relu: bool,
    output: AffineLaw | None,
) -> Dense:
    if reduce == "max":
        values = context.backend.spmax_f32(edges.csr, message)
    else:
        graph = edges.weighted if is_weighted else edges.csr
        values = context.backend.spmm_f32(graph, message, scale, 1.0)
    if output is None and bias is None and not terms and not has_relu and np.float32(weight) == 1:
        context.record("reduced", values)
        return values
    terms = [term(values, weight), *terms]
    return context.combine(terms, values, output, "reduced", bias=bias, has_relu=has_relu)
