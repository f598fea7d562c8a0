"""NumPy oracle of every kernel: written for reading, exact, and the fall-back without a compiler."""

from __future__ import annotations

import numpy as np

from smoothbit.kernels.delta import DeltaState, DeltaStep
from smoothbit.kernels.epilogue import Epilogue, Term
from smoothbit.numerics.affine import quantize
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.packing import pack, unpack
from smoothbit.typing import Float32Array, Int16Array, Int64Array, UInt8Array


def sum_rows(graph: CSR, codes: UInt8Array, weights: Int16Array | None) -> Int64Array:
    """Return S[i] = sum over entries j of row i of weights[j] * codes[indices[j]], int64 [N, F]."""
    sums = np.zeros((graph.num_rows, codes.shape[1]), dtype=np.int64)
    block = max(1, (1 << 24) // max(1, codes.shape[1]))
    rows = graph.entry_rows()
    for start in range(0, graph.num_entries, block):
        part = slice(start, start + block)
        messages = codes[graph.indices[part]].astype(np.int64)
        if weights is not None:
            messages *= weights[part, None]
        np.add.at(sums, rows[part], messages)
    return sums


def max_rows(graph: CSR, values: Float32Array | UInt8Array) -> Float32Array | UInt8Array:
    """Return the largest of values[indices[j]] over entries j of each row [N, F]; 0 for none."""
    out = np.zeros((graph.num_rows, values.shape[1]), dtype=values.dtype)
    filled = np.flatnonzero(graph.row_lengths)
    out[filled] = values[graph.indices[graph.indptr[filled]]]
    np.maximum.at(out, graph.entry_rows(), values[graph.indices])
    return out


def apply_epilogue(sums: Int64Array | None, num_rows: int, epilogue: Epilogue) -> UInt8Array | Float32Array:
    """Apply the epilogue in the order its module states.

    Args:
        sums: Exact sums [N, F] that fit int32, or None to start from 0.
        num_rows: N.
        epilogue: Parameters.

    Returns:
        Packed codes [N, B] uint8, or float32 [N, F] when there is no output law.
    """
    e = epilogue
    y = np.zeros((num_rows, e.num_channels), dtype=np.float32)
    if sums is not None:
        assert e.col_scale is not None
        y = sums.astype(np.int32).astype(np.float32) * e.col_scale
    if e.col_term is not None:
        assert e.row_term is not None
        y = y + e.row_term[:, None] * e.col_term
    if e.row_scale is not None:
        y = y * e.row_scale[:, None]
    if e.col_bias is not None:
        y = y + e.col_bias
    if e.aggregate is not None:
        assert e.aggregate_step is not None
        assert e.aggregate_offset is not None
        y = quantize(y, e.aggregate).astype(np.float32) * e.aggregate_step
        y = y + e.aggregate_offset
    for term in e.terms:
        y = y + _term_values(term, e.num_channels)
    if e.has_relu:
        y = np.where(y > 0, y, np.float32(0))
    if e.output_row_scale is not None:
        y = y * e.output_row_scale[:, None]
    return _stored(y, e)


def _stored(y: Float32Array, e: Epilogue) -> UInt8Array | Float32Array:
    if e.output is not None:
        return pack(quantize(y, e.output), e.stored_bits)
    if e.out_rows is None:
        return y
    out = np.empty_like(y)
    out[e.out_rows] = y
    return out


def _term_values(term: Term, num_channels: int) -> Float32Array:
    if term.num_bits == 32:
        values: Float32Array = term.data * term.step
    else:
        codes = unpack(term.data, term.num_bits, num_channels)  # type: ignore[arg-type]
        values = codes.astype(np.float32) * term.step
        assert term.offset is not None
        values = values + term.offset
    return values if term.row_scale is None else values * term.row_scale[:, None]


def spmm(
    graph: CSR, source: UInt8Array, num_bits: int, weights: Int16Array | None, epilogue: Epilogue
) -> UInt8Array | Float32Array:
    """Gather and add packed rows; see `smoothbit.kernels.spmm`."""
    sums = sum_rows(graph, unpack(source, num_bits, epilogue.num_channels), weights)
    return apply_epilogue(sums, graph.num_rows, epilogue)


def spmax(graph: CSR, source: UInt8Array, num_bits: int, epilogue: Epilogue) -> UInt8Array | Float32Array:
    """Take the largest of gathered codes; see `smoothbit.kernels.spmax`."""
    largest = max_rows(graph, unpack(source, num_bits, epilogue.num_channels))
    return apply_epilogue(largest.astype(np.int64), graph.num_rows, epilogue)


def delta_step(
    graph: CSR, source: UInt8Array, num_bits: int, state: DeltaState, step: DeltaStep
) -> UInt8Array | Float32Array:
    """Add differences to messages and sums, then finish; see `smoothbit.kernels.delta_step`."""
    e = step.epilogue
    assert e.col_scale is not None
    assert e.row_scale is not None
    codes = unpack(source, num_bits, e.num_channels)
    changes = (2 * codes[: graph.num_rows].astype(np.int64) - step.center) << step.exponent
    sum_changes = sum_rows(graph, codes, None)
    sum_changes = (2 * sum_changes - step.center * graph.row_lengths[:, None]) << step.exponent
    messages, sums = state.load(e.num_channels) if not step.is_first else (np.int64(0), np.int64(0))
    messages, sums = changes + messages, sum_changes + sums
    state.save(messages, sums)
    own, mean = messages.astype(np.float32), sums.astype(np.float32) * e.col_scale * e.row_scale[:, None]
    y = mean if step.message_scale == 0 else mean + own * step.message_scale
    for term in e.terms:
        y = y + _term_values(term, e.num_channels)
    if step.change_scale != 0:
        y = y + changes.astype(np.float32) * step.change_scale
    if step.sum_change_scale != 0:
        y = y + sum_changes.astype(np.float32) * step.sum_change_scale * e.row_scale[:, None]
    if step.known_scale != 0:
        y = y - own * step.known_scale
    if e.output_row_scale is not None:
        y = y * e.output_row_scale[:, None]
    return _stored(y, e)


def gemm(
    source: UInt8Array, num_bits: int, depth: int, weight: UInt8Array, weight_bits: int, epilogue: Epilogue
) -> UInt8Array | Float32Array:
    """Multiply packed codes [N, depth] with packed codes [depth, F]; see `smoothbit.kernels.gemm`."""
    a = unpack(source, num_bits, depth).astype(np.int64)
    w = unpack(weight, weight_bits, epilogue.num_channels).astype(np.int64)
    if epilogue.col_term is not None:
        row_sums = a.sum(axis=1).astype(np.int32).astype(np.float32)
        epilogue = Epilogue(**{**vars(epilogue), "row_term": row_sums})
    return apply_epilogue(a @ w, len(source), epilogue)


def spmm_f32(
    graph: CSR,
    source: Float32Array,
    row_scale: Float32Array | None,
    scale: float,
    skip: Float32Array | None,
    skip_scale: float,
) -> Float32Array:
    """Float32 propagation step, sums in entry order; see `smoothbit.kernels.spmm_f32`."""
    out = np.zeros((graph.num_rows, source.shape[1]), dtype=np.float32)
    lengths = graph.row_lengths
    for position in range(int(lengths.max(initial=0))):  # the position-th entry of every row at once
        active = np.flatnonzero(lengths > position)
        entry = graph.indptr[active] + position
        message = source[graph.indices[entry]]
        if graph.values is not None:
            message = message * graph.values[entry, None]
        out[active] = out[active] + message
    if row_scale is not None:
        out = out * row_scale[:, None]
    out = out * np.float32(scale)
    return out if skip is None else out + skip * np.float32(skip_scale)
