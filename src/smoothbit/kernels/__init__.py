"""Operators on packed rows: checks, choice of the ISA, then one compiled call.

Every operator writes into `out` when it is given. `num_threads=None` uses up to
`$SMOOTHBIT_NUM_THREADS` (or all) cores, fewer for small work; the result does not depend on it.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from smoothbit.errors import ArgumentError
from smoothbit.kernels import isa as isa
from smoothbit.kernels import reference
from smoothbit.kernels.attending import attend as attend
from smoothbit.kernels.attending import attend_f32 as attend_f32
from smoothbit.kernels.attention import ATTENTION_QMAX as ATTENTION_QMAX
from smoothbit.kernels.attention import Attention as Attention
from smoothbit.kernels.delta import BLOCK_BYTES as BLOCK_BYTES
from smoothbit.kernels.delta import DeltaState as DeltaState
from smoothbit.kernels.delta import DeltaStep as DeltaStep
from smoothbit.kernels.delta import delta_state as delta_state
from smoothbit.kernels.delta import delta_state_width
from smoothbit.kernels.delta import delta_stored_bits as delta_stored_bits
from smoothbit.kernels.elementwise import activate as activate
from smoothbit.kernels.epilogue import Epilogue as Epilogue
from smoothbit.kernels.epilogue import Term as Term
from smoothbit.kernels.maximum import spmax as spmax
from smoothbit.kernels.maximum import spmax_f32 as spmax_f32
from smoothbit.kernels.native import (
    FLOAT32,
    INT16,
    INT32,
    UINT8,
    check_array,
    check_packed,
    prepare,
    prepare_with_sum,
    require_row_term,
    require_sum,
    schedule_of,
)
from smoothbit.kernels.output import aligned_row_bytes as aligned_row_bytes
from smoothbit.kernels.output import output_rows, perform_reference, store, thread_count
from smoothbit.kernels.program import Call as Call
from smoothbit.kernels.program import Out as Out
from smoothbit.kernels.program import PythonCall as PythonCall
from smoothbit.kernels.program import Recorder as Recorder
from smoothbit.kernels.program import pass_by as pass_by
from smoothbit.kernels.program import perform as perform
from smoothbit.kernels.program import recording as recording
from smoothbit.kernels.program import time_limit as time_limit
from smoothbit.numerics import packing
from smoothbit.numerics.aligned import aligned_empty
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.packing import packed_row_bytes
from smoothbit.numerics.qtype import check_num_bits
from smoothbit.typing import AnyArray, Float32Array, Int16Array, Int32Array, UInt8Array

__all__ = [
    "ATTENTION_QMAX",
    "BLOCK_BYTES",
    "Attention",
    "Call",
    "DeltaState",
    "DeltaStep",
    "Epilogue",
    "Out",
    "PythonCall",
    "Recorder",
    "Term",
    "activate",
    "aligned_row_bytes",
    "attend",
    "attend_f32",
    "check_accumulator",
    "delta_state",
    "delta_step",
    "delta_stored_bits",
    "gemm",
    "isa",
    "pack",
    "pass_by",
    "perform",
    "recording",
    "requantize",
    "spmax",
    "spmax_f32",
    "spmm",
    "spmm_f32",
    "take_rows",
    "time_limit",
    "unpack",
]

INT32_MAX = 2**31 - 1


def spmm(
    graph: CSR,
    source: UInt8Array,
    num_bits: int,
    epilogue: Epilogue,
    *,
    weights: Int16Array | None = None,
    out: UInt8Array | Float32Array | None = None,
    num_threads: int | None = None,
) -> UInt8Array | Float32Array:
    """Gather and add packed rows: S[i] = sum over entries j of row i of weights[j] * codes[indices[j]].

    Args:
        graph: N rows of entries, columns in [0, M). `graph.values` is not read: see `weights`.
        source: Packed codes [M, stride], uint8, stride >= B.
        num_bits: Width of the codes: 1, 2, 4 or 8.
        epilogue: What happens to S [N, F]; F is its `num_channels`. It must have a `col_scale`.
        weights: Integer factor of each entry [E], int16, or None when every factor is 1.
        out: Packed codes [N, stride] uint8, or values [N, F] float32 when there is no output law.
            Bits and bytes after the last code of a row are set to zero.
        num_threads: Threads, or None for the default.

    Returns:
        `out`, or a new array with rows of exactly B bytes.

    Sums must fit int32 (see `check_accumulator`); this is not checked again at each call.

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: an unknown width, a missing `col_scale`, or `num_threads` < 1.
    """
    check_num_bits(num_bits)
    prepared = prepare_with_sum(epilogue)
    check_packed("source", source, graph.num_cols, epilogue.num_channels, num_bits)
    if weights is not None:
        check_array("weights", weights, INT16, (graph.num_entries,))
    out = output_rows(prepared, graph.num_rows, out)
    threads = thread_count(num_threads)
    if out.size == 0:
        return out
    if isa.chosen() == "numpy":
        return perform_reference(partial(reference.spmm, graph, source, num_bits, weights, epilogue), out)
    call = isa.extension().Spmm(
        graph.indptr, graph.indices, weights, source, num_bits, prepared.native, schedule_of(graph), out, threads
    )
    return perform(call, out)


def delta_step(
    graph: CSR,
    source: UInt8Array,
    num_bits: int,
    state: DeltaState,
    step: DeltaStep,
    *,
    out: UInt8Array | Float32Array | None = None,
    num_threads: int | None = None,
) -> UInt8Array | Float32Array:
    """Add gathered differences to messages and sums in place, then finish the step (`kernels.delta`).

    Args:
        graph: N rows of entries, columns in [0, N).
        source: Packed codes of the differences [N, stride], uint8, stride >= B.
        num_bits: Width of the codes: 1, 2, 4 or 8.
        state: Messages and sums, made by `delta_state` for this graph and width.
        step: Parameters.
        out: As in `spmm`; not overlapping `source`.
        num_threads: Threads, or None for the default.

    Returns:
        `out`, or a new array with rows of exactly B bytes.

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: an unknown width, an epilogue with parts that a step has not, or `num_threads` < 1.
    """
    check_num_bits(num_bits)
    e = step.epilogue
    prepared = prepare_with_sum(e)
    assert e.col_scale is not None
    others = (e.col_term, e.col_bias, e.aggregate, e.has_relu or None, *e.terms[1:])
    if e.row_scale is None or any(part is not None for part in others):
        raise ArgumentError(
            "Expected `step.epilogue` to have a `col_scale`, a `row_scale`, at most one term, `output_row_scale` and "
            f"`output` alone (got {e}). Use `spmm` for other epilogues."
        )
    if (e.col_scale != e.col_scale[:1]).any():
        raise ArgumentError(
            "Expected `step.epilogue.col_scale` to hold one value throughout "
            f"(got {e.col_scale.min()} to {e.col_scale.max()}). Differences have one law for all channels."
        )
    check_packed("source", source, graph.num_rows, e.num_channels, num_bits)
    room = delta_state_width(e.num_channels, num_bits)
    for name in ("messages", "sums"):
        check_array(f"state.{name}", getattr(state, name), INT16, (graph.num_rows, room))
    check_array("state.wide_sums", state.wide_sums, INT32, (None, room))
    check_array("state.slots", state.slots, INT32, (graph.num_rows,))
    out = output_rows(prepared, graph.num_rows, out)
    threads = thread_count(num_threads)
    if out.size == 0:
        return out
    if isa.chosen() == "numpy":
        return perform_reference(partial(reference.delta_step, graph, source, num_bits, state, step), out)
    scales = (step.message_scale, step.change_scale, step.sum_change_scale, step.known_scale)
    call = isa.extension().Delta(
        graph.indptr, graph.indices, source, num_bits, state.messages, state.sums, state.wide_sums, state.slots,
        step.exponent, step.center, step.is_first, tuple(map(float, scales)), prepared.native, out, threads,
    )  # fmt: skip
    return perform(call, out)


def gemm(
    source: UInt8Array,
    num_bits: int,
    depth: int,
    weight: UInt8Array,
    weight_bits: int,
    epilogue: Epilogue,
    *,
    out: UInt8Array | Float32Array | None = None,
    num_threads: int | None = None,
) -> UInt8Array | Float32Array:
    """Multiply packed matrices: S = codes(source) @ codes(weight), exact in int32.

    Args:
        source: Packed codes [N, stride], uint8, `depth` codes in each row.
        num_bits: Width of the source codes: 1, 2, 4 or 8.
        depth: Inner dimension K.
        weight: Packed codes [K, stride], uint8, F codes in each row.
        weight_bits: Width of the weight codes.
        epilogue: What happens to S [N, F]. With a `col_term` and no `row_term`, the row term is the
            sum of each source row's codes.
        out: As in `spmm`.
        num_threads: Threads, or None for the default.

    Returns:
        `out`, or a new array with rows of exactly B bytes.

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: an unknown width, a missing `col_scale`, a depth whose sums could exceed int32,
            or `num_threads` < 1.
    """
    check_num_bits(num_bits)
    check_num_bits(weight_bits)
    if depth < 0:
        raise ArgumentError(f"Expected `depth` to be >= 0 (got {depth}). Pass the number of source codes in a row.")
    check_accumulator(depth, (1 << num_bits) - 1, (1 << weight_bits) - 1)
    prepared = prepare(epilogue)
    require_sum(prepared)
    check_packed("source", source, None, depth, num_bits)
    check_packed("weight", weight, depth, epilogue.num_channels, weight_bits)
    out = output_rows(prepared, len(source), out)
    threads = thread_count(num_threads)
    if out.size == 0:
        return out
    if isa.chosen() == "numpy":
        return perform_reference(partial(_reference_gemm, source, num_bits, depth, weight, weight_bits, epilogue), out)
    call = isa.extension().Gemm(source, num_bits, depth, weight, weight_bits, prepared.native, out, threads)
    return perform(call, out)


def requantize(
    sums: Int32Array | None,
    num_rows: int,
    epilogue: Epilogue,
    *,
    out: UInt8Array | Float32Array | None = None,
    num_threads: int | None = None,
) -> UInt8Array | Float32Array:
    """Apply an epilogue to given sums, or to none (a combination of terms that starts from 0).

    Args:
        sums: Sums [N, F], int32, or None.
        num_rows: N.
        epilogue: What happens to the sums; it has a `col_scale` exactly when there are sums.
        out: As in `spmm`. May be the data of a term when strides and widths agree.
        num_threads: Threads, or None for the default.

    Returns:
        `out`, or a new array with rows of exactly B bytes.

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: `col_scale` without sums or sums without it, or `num_threads` < 1.
    """
    prepared = prepare(epilogue)
    require_row_term(prepared)
    if prepared.has_sum != (sums is not None):
        raise ArgumentError(
            f"Expected `col_scale` to be given exactly when `sums` is (got col_scale={prepared.has_sum}, "
            f"sums={sums is not None}). Pass both or neither."
        )
    if sums is not None:
        check_array("sums", sums, INT32, (num_rows, epilogue.num_channels))
    out = output_rows(prepared, num_rows, out)
    threads = thread_count(num_threads)
    if out.size == 0:
        return out
    if isa.chosen() == "numpy":
        return perform_reference(partial(_reference_requantize, sums, num_rows, epilogue), out)
    return perform(isa.extension().Requantize(sums, num_rows, prepared.native, out, threads), out)


def pack(
    codes: AnyArray, num_bits: int, *, out: UInt8Array | None = None, num_threads: int | None = None
) -> UInt8Array:
    """Pack codes, one byte each, to `num_bits` bits.

    Args:
        codes: Codes [N, F], uint8, within [0, 2**num_bits - 1].
        num_bits: 1, 2, 4 or 8.
        out: Packed codes [N, stride], uint8, stride >= B, or None.
        num_threads: Threads, or None for the default.

    Returns:
        `out`, or a new array [N, B].

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: an unknown width or a code out of range.
    """
    check_num_bits(num_bits)
    check_array("codes", codes, UINT8, (None, None))
    if codes.size and codes.max() >= 1 << num_bits:
        raise ArgumentError(
            f"Expected `codes` to be in [0, {(1 << num_bits) - 1}] (got {codes.max()}). Quantize before packing."
        )
    row_bytes = packed_row_bytes(codes.shape[1], num_bits)
    if out is None:
        out = np.empty((len(codes), row_bytes), dtype=np.uint8)
    check_packed("out", out, len(codes), codes.shape[1], num_bits)
    threads = thread_count(num_threads)
    if out.size == 0:
        return out
    if isa.chosen() == "numpy":
        store(packing.pack(codes, num_bits), out)
    else:
        isa.extension().pack(codes, num_bits, out, threads)
    return out


def unpack(
    packed: UInt8Array,
    num_bits: int,
    num_channels: int,
    *,
    out: UInt8Array | None = None,
    num_threads: int | None = None,
) -> UInt8Array:
    """Invert `pack`.

    Args:
        packed: Packed codes [N, stride], uint8, stride >= B.
        num_bits: 1, 2, 4 or 8.
        num_channels: F.
        out: Codes [N, F], uint8, or None.
        num_threads: Threads, or None for the default.

    Returns:
        `out`, or a new array [N, F].

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: an unknown width.
    """
    check_num_bits(num_bits)
    check_packed("packed", packed, None, num_channels, num_bits)
    if out is None:
        out = np.empty((len(packed), num_channels), dtype=np.uint8)
    check_array("out", out, UINT8, (len(packed), num_channels))
    threads = thread_count(num_threads)
    if out.size == 0:
        return out
    if isa.chosen() == "numpy":
        out[...] = packing.unpack(packed, num_bits, num_channels)
    else:
        isa.extension().unpack(packed, num_bits, out, threads)
    return out


def spmm_f32(
    graph: CSR,
    source: Float32Array,
    *,
    row_scale: Float32Array | None = None,
    scale: float = 1.0,
    skip: Float32Array | None = None,
    skip_scale: float = 0.0,
    out: Float32Array | None = None,
    num_threads: int | None = None,
) -> Float32Array:
    """Float32 propagation step, the peer that the packed kernels are measured against.

        out[i] = (sum over entries j of row i of values[j] * source[indices[j]]) * row_scale[i] * scale
                 + skip[i] * skip_scale

    Sums run in entry order, so every ISA and thread count gives the same bits.

    Args:
        graph: N rows of entries, columns in [0, M); `graph.values` [E] float32 are used when present.
        source: Values [M, F], float32.
        row_scale: Factor of each row [N], float32, or None.
        scale: Factor of every row, rounded to float32.
        skip: Values added [N, F], float32, or None.
        skip_scale: Factor of `skip`, rounded to float32.
        out: Values [N, F], float32, not overlapping `source`, or None.
        num_threads: Threads, or None for the default.

    Returns:
        `out`, or a new array.

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: `num_threads` < 1.
    """
    check_array("source", source, FLOAT32, (graph.num_cols, None))
    shape = (graph.num_rows, source.shape[1])
    if row_scale is not None:
        check_array("row_scale", row_scale, FLOAT32, (graph.num_rows,))
    if skip is not None:
        check_array("skip", skip, FLOAT32, shape)
    if out is None:
        out = aligned_empty(shape, np.float32)
    check_array("out", out, FLOAT32, shape)
    threads = thread_count(num_threads)
    if out.size == 0:
        return out
    if isa.chosen() == "numpy":
        return perform_reference(partial(reference.spmm_f32, graph, source, row_scale, scale, skip, skip_scale), out)
    values = graph.values
    call = isa.extension().SpmmF32(
        graph.indptr, graph.indices, values, source, row_scale, scale, skip, skip_scale, out, threads
    )
    return perform(call, out)


def take_rows(source: Out, rows: Int32Array, *, out: Out | None = None, num_threads: int | None = None) -> Out:
    """Return the given rows: packed codes or float32 values in another order of nodes.

    Args:
        source: Rows [M, W], uint8 or float32.
        rows: Rows to take [N], int32, each in [0, M); not checked again at each call.
        out: Rows [N, W], of the dtype of `source`, or None.
        num_threads: Threads, or None for the default.

    Returns:
        `out`, or a new array.

    Raises:
        ShapeError: an array has the wrong shape, dtype or layout.
        ArgumentError: `num_threads` < 1.
    """
    check_array("source", source, source.dtype, (None, None))
    check_array("rows", rows, INT32, (None,))
    if out is None:
        out = aligned_empty((len(rows), source.shape[1]), source.dtype)
    check_array("out", out, source.dtype, (len(rows), source.shape[1]))
    threads = thread_count(num_threads)
    if out.size == 0:
        return out
    if isa.chosen() == "numpy":
        return perform_reference(partial(np.take, source, rows, axis=0), out)
    call = isa.extension().TakeRows(source.view(np.uint8), rows, out.view(np.uint8), threads)
    return perform(call, out)


def check_accumulator(max_terms: int, source_qmax: int, weight_bound: int = 1) -> None:
    """Check that a sum of products fits int32.

    Args:
        max_terms: Most products in one sum: the longest row of a graph, or the depth of a product.
        source_qmax: Largest source code.
        weight_bound: Largest absolute weight.

    Raises:
        ArgumentError: max_terms * source_qmax * weight_bound > 2**31 - 1.
    """
    bound = max_terms * source_qmax * weight_bound
    if bound > INT32_MAX:
        raise ArgumentError(
            f"Expected `max_terms * source_qmax * weight_bound` to be at most {INT32_MAX} "
            f"(got {max_terms} * {source_qmax} * {weight_bound} = {bound}). Use fewer bits, or split the sum."
        )


def _reference_requantize(sums: Int32Array | None, num_rows: int, epilogue: Epilogue) -> UInt8Array | Float32Array:
    wide = None if sums is None else sums.astype(np.int64)
    return reference.apply_epilogue(wide, num_rows, epilogue)


def _reference_gemm(
    source: UInt8Array, num_bits: int, depth: int, weight: UInt8Array, weight_bits: int, epilogue: Epilogue
) -> UInt8Array | Float32Array:
    if epilogue.row_term is None:
        return reference.gemm(source, num_bits, depth, weight, weight_bits, epilogue)
    a = packing.unpack(source, num_bits, depth).astype(np.int64)
    w = packing.unpack(weight, weight_bits, epilogue.num_channels).astype(np.int64)
    return reference.apply_epilogue(a @ w, len(source), epilogue)
