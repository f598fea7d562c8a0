"""Operators of attention; `kernels.attention` states what they compute."""

from __future__ import annotations

from functools import partial

import numpy as np

from smoothbit.errors import ArgumentError
from smoothbit.kernels import isa
from smoothbit.kernels import reference_attention as reference
from smoothbit.kernels.attention import SCORES, Attention
from smoothbit.kernels.native import FLOAT32, check_array, check_packed
from smoothbit.kernels.output import perform_reference, thread_count
from smoothbit.kernels.program import perform
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.aligned import aligned_empty
from smoothbit.numerics.csr import CSR
from smoothbit.typing import Float32Array, UInt8Array

MAX_HEADS = 1024
"""What the compiled kernels hold; more heads take the NumPy reference."""


def attend(
    graph: CSR,
    source: UInt8Array,
    law: AffineLaw,
    num_channels: int,
    attention: Attention,
    *,
    out: Float32Array | None = None,
    num_threads: int | None = None,
) -> Float32Array:
    """Return the mean of packed messages, weighted by attention.

    Args:
        graph: N rows of entries, columns in [0, M); `graph.values` is not read.
        source: Packed messages [M, stride], uint8.
        law: Law of the messages, per tensor or channel.
        num_channels: F.
        attention: How edges are rated.
        out: Values [N, F], or [N, F / H] where heads are averaged, float32; or None.
        num_threads: Threads, or None for the default.

    Returns:
        `out`, or a new array.

    Sums must fit int32: degree * 255 * largest code; this is not checked again at each call.

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: an unknown score, heads that do not divide F, or `num_threads` < 1.
    """
    check_packed("source", source, graph.num_cols, num_channels, law.num_bits)
    out = _check(graph, num_channels, attention, out)
    threads = thread_count(num_threads)
    if out.size == 0:
        return out
    if isa.chosen() == "numpy" or attention.num_heads > MAX_HEADS:
        return perform_reference(partial(reference.attend, graph, source, law, num_channels, attention), out)
    step, offset = (law.expand(part, num_channels) for part in (law.step, law.offset))
    call = isa.extension().Attend(
        graph.indptr, graph.indices, source, law.num_bits, attention.queries, attention.keys, attention.num_heads,
        SCORES.index(attention.score), attention.slope, attention.scale, attention.vector, step,
        offset if offset.any() else None, attention.is_concatenated, out, threads,
    )  # fmt: skip
    return perform(call, out)


def attend_f32(
    graph: CSR,
    source: Float32Array,
    attention: Attention,
    *,
    out: Float32Array | None = None,
    num_threads: int | None = None,
) -> Float32Array:
    """Return the mean of float32 messages [M, F], weighted by attention; see `attend`."""
    check_array("source", source, FLOAT32, (graph.num_cols, None))
    out = _check(graph, source.shape[1], attention, out)
    thread_count(num_threads)
    return perform_reference(partial(reference.attend_f32, graph, source, attention), out)


def _check(graph: CSR, num_channels: int, a: Attention, out: Float32Array | None) -> Float32Array:
    if a.score not in SCORES:
        raise ArgumentError(f"Expected `score` to be one of {', '.join(SCORES)} (got {a.score!r}). Use one of them.")
    if a.num_heads < 1 or num_channels % a.num_heads:
        raise ArgumentError(
            f"Expected `num_heads` to divide {num_channels} channels (got {a.num_heads}). Pass channels of all heads."
        )
    width = a.num_heads if a.score == "additive" else num_channels
    check_array("queries", a.queries, FLOAT32, (graph.num_rows, width))
    check_array("keys", a.keys, FLOAT32, (graph.num_cols, width))
    if a.score == "dynamic":
        check_array("vector", a.vector, FLOAT32, (num_channels,))
    shape = (graph.num_rows, num_channels if a.is_concatenated else num_channels // a.num_heads)
    if out is None:
        out = aligned_empty(shape, np.float32)
    check_array("out", out, FLOAT32, shape)
    return out
