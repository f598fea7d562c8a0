"""NumPy oracle of attention; `kernels.attention` states the operations and their order."""

from __future__ import annotations

import numpy as np

from smoothbit.kernels.attention import Attention
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.elementary import exp
from smoothbit.numerics.packing import unpack
from smoothbit.typing import Float32Array, Int64Array, UInt8Array

VALUES_PER_BLOCK = 1 << 22
"""Gathered values at a time."""
LANES = 8


def attend(graph: CSR, source: UInt8Array, law: AffineLaw, num_channels: int, attention: Attention) -> Float32Array:
    """Return the mean of packed messages, weighted by attention; see `smoothbit.kernels.attend`."""
    weights = edge_weights(graph, edge_scores(graph, attention))
    codes = unpack(source, law.num_bits, num_channels).reshape(_by_head(graph, num_channels, attention))
    sums = np.zeros((graph.num_rows, *codes.shape[1:]), dtype=np.int64)
    rows = graph.entry_rows()
    for part in _blocks(graph, num_channels):
        np.add.at(sums, rows[part], weights[part, :, None] * codes[graph.indices[part]])
    mean = sums.astype(np.int32).astype(np.float32) * _inverse_totals(graph, weights)
    step, offset = (law.expand(values, num_channels).reshape(codes.shape[1:]) for values in (law.step, law.offset))
    values = mean * step
    if offset.any():
        values = values + offset
    values[graph.row_lengths == 0] = 0
    return _join(values, attention)


def attend_f32(graph: CSR, source: Float32Array, attention: Attention) -> Float32Array:
    """Return the mean of float32 messages, weighted by attention; see `smoothbit.kernels.attend_f32`."""
    weights = edge_weights(graph, edge_scores(graph, attention))
    messages = source.reshape(_by_head(graph, source.shape[1], attention))
    sums = np.zeros((graph.num_rows, *messages.shape[1:]), dtype=np.float32)
    lengths = graph.row_lengths
    for position in range(int(lengths.max(initial=0))):  # the position-th entry of every row at once
        active = np.flatnonzero(lengths > position)
        entry = graph.indptr[active] + position
        sums[active] = sums[active] + weights[entry].astype(np.float32)[:, :, None] * messages[graph.indices[entry]]
    return _join(sums * _inverse_totals(graph, weights), attention)


def edge_scores(graph: CSR, attention: Attention) -> Float32Array:
    """Return e of each entry and head [E, H], float32."""
    a = attention
    rows, slope = graph.entry_rows(), np.float32(a.slope)
    scores = np.zeros((graph.num_entries, a.num_heads), dtype=np.float32)
    for part in _blocks(graph, a.keys.shape[1]):
        keys, queries = a.keys[graph.indices[part]], a.queries[rows[part]]
        if a.score == "dot":
            scores[part] = _sum_channels(keys * queries, a.num_heads) * np.float32(a.scale)
            continue
        total = keys + queries
        total = np.where(total > 0, total, total * slope)
        scores[part] = total if a.vector is None else _sum_channels(a.vector * total, a.num_heads)
    return scores


def edge_weights(graph: CSR, scores: Float32Array) -> Int64Array:
    """Return p of each entry and head [E, H], int64."""
    rows = graph.entry_rows()
    largest = np.full((graph.num_rows, scores.shape[1]), -np.inf, dtype=np.float32)
    np.fmax.at(largest, rows, scores)
    with np.errstate(invalid="ignore"):  # infinite scores: a difference that is no number has the weight 0
        difference = scores - largest[rows]
    power = exp(np.where(difference <= 0, difference, -np.inf).astype(np.float64)).astype(np.float32)
    weights: Int64Array = np.rint(np.float32(255) * power).astype(np.int64)
    return weights


def _sum_channels(products: Float32Array, num_heads: int) -> Float32Array:
    """Return the sum over the channels of each head [E, H] from [E, H C], in eight parts."""
    per_head = products.reshape(len(products), num_heads, products.shape[1] // num_heads)
    parts = np.zeros((*per_head.shape[:2], LANES), dtype=np.float32)
    for start in range(0, per_head.shape[2], LANES):
        block = per_head[:, :, start : start + LANES]
        parts[:, :, : block.shape[2]] = parts[:, :, : block.shape[2]] + block
    half = parts[:, :, :4] + parts[:, :, 4:]
    quarter = half[:, :, :2] + half[:, :, 2:]
    joined: Float32Array = quarter[:, :, 0] + quarter[:, :, 1]
    return joined


def _inverse_totals(graph: CSR, weights: Int64Array) -> Float32Array:
    """Return 1 / P of each row and head [N, H, 1], float32; 0 for no entry."""
    totals = np.zeros((graph.num_rows, weights.shape[1]), dtype=np.int64)
    np.add.at(totals, graph.entry_rows(), weights)
    inverse = np.zeros(totals.shape, dtype=np.float32)
    np.divide(np.float32(1), totals.astype(np.float32), out=inverse, where=totals > 0)
    return inverse[:, :, None]


def _join(values: Float32Array, attention: Attention) -> Float32Array:
    """Return heads side by side, or their mean."""
    if attention.is_concatenated:
        return values.reshape(len(values), values.shape[1] * values.shape[2])
    total = values[:, 0]
    for head in range(1, attention.num_heads):
        total = total + values[:, head]
    return total * np.float32(1.0 / attention.num_heads)


def _by_head(graph: CSR, num_channels: int, attention: Attention) -> tuple[int, int, int]:
    return graph.num_cols, attention.num_heads, num_channels // attention.num_heads


def _blocks(graph: CSR, num_values: int) -> list[slice]:
    """Return parts of the entries with a bounded number of gathered values."""
    block = max(1, VALUES_PER_BLOCK // max(1, num_values))
    return [slice(start, start + block) for start in range(0, graph.num_entries, block)]
