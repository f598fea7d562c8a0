"""Largest of gathered rows: operators for packed codes and for float32."""

from __future__ import annotations

from functools import partial

import numpy as np

from smoothbit.kernels import isa, reference
from smoothbit.kernels.epilogue import Epilogue
from smoothbit.kernels.native import FLOAT32, check_array, check_packed, prepare_with_sum
from smoothbit.kernels.output import output_rows, perform_reference, thread_count
from smoothbit.kernels.program import perform
from smoothbit.numerics.aligned import aligned_empty
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.qtype import check_num_bits
from smoothbit.typing import Float32Array, UInt8Array


def spmax(
    graph: CSR,
    source: UInt8Array,
    num_bits: int,
    epilogue: Epilogue,
    *,
    out: UInt8Array | Float32Array | None = None,
    num_threads: int | None = None,
) -> UInt8Array | Float32Array:
    """Take the largest of gathered codes: S[i] = max over entries j of row i of codes[indices[j]], 0 for none.

    Arguments, result and errors are those of `spmm`, without weights.
    """
    check_num_bits(num_bits)
    prepared = prepare_with_sum(epilogue)
    check_packed("source", source, graph.num_cols, epilogue.num_channels, num_bits)
    out = output_rows(prepared, graph.num_rows, out)
    threads = thread_count(num_threads)
    if out.size == 0:
        return out
    if isa.chosen() == "numpy":
        return perform_reference(partial(reference.spmax, graph, source, num_bits, epilogue), out)
    call = isa.extension().Spmax(graph.indptr, graph.indices, source, num_bits, prepared.native, out, threads)
    return perform(call, out)


def spmax_f32(
    graph: CSR, source: Float32Array, *, out: Float32Array | None = None, num_threads: int | None = None
) -> Float32Array:
    """Take the largest of gathered float32 rows; 0 for none.

    Args:
        graph: N rows of entries, columns in [0, M); `graph.values` is not read.
        source: Values [M, F], float32, finite.
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
    if out is None:
        out = aligned_empty(shape, np.float32)
    check_array("out", out, FLOAT32, shape)
    thread_count(num_threads)
    return perform_reference(partial(reference.max_rows, graph, source), out)
