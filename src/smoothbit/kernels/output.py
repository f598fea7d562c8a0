"""What every operator does around its kernel: rows for the output, threads, the reference as a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.kernels import isa
from smoothbit.kernels.native import UINT8, Prepared, check_array
from smoothbit.kernels.program import Out, PythonCall, perform
from smoothbit.numerics.aligned import aligned_empty
from smoothbit.numerics.packing import packed_row_bytes
from smoothbit.numerics.qtype import check_num_bits
from smoothbit.typing import Float32Array, UInt8Array


def aligned_row_bytes(num_channels: int, num_bits: int) -> int:
    """Return the row stride the kernels like best: B rounded up to 1, 2, 4, 8, 16 or a multiple of 32.

    More than 16 channels have at least 16 bytes: the kernels of whole registers are several times faster at 1 and 2
    bits, which is more than a smaller table saves. The same at 4 bits with 32 bytes, on AVX-512.

    Args:
        num_channels: F.
        num_bits: 1, 2, 4 or 8.

    Returns:
        Bytes; a row of at most 64 bytes then never crosses a cache line of an aligned array.

    Raises:
        ArgumentError: an unknown width.
    """
    row_bytes = packed_row_bytes(num_channels, check_num_bits(num_bits))
    if num_channels > 16:
        row_bytes = max(row_bytes, 32 if num_bits == 4 and isa.chosen() == "avx512" else 16)
    if row_bytes <= 16:
        return 1 << max(row_bytes - 1, 0).bit_length()
    return (row_bytes + 31) // 32 * 32


def streams_rows(num_channels: int, num_bits: int) -> bool:
    """Return whether `spmm` of the ISA in force stores large float32 results past the caches.

    Rows may then go to any place at little extra cost.

    Args:
        num_channels: F.
        num_bits: Width of the states that it gathers.
    """
    return isa.chosen() != "numpy" and bool(isa.extension().streams_rows(num_bits, num_channels))


def output_rows(prepared: Prepared, num_rows: int, out: Any) -> UInt8Array | Float32Array:
    """Return `out`, checked, or new rows of exactly the needed width.

    Raises:
        ShapeError: the epilogue is for other rows, or `out` has the wrong shape, dtype or layout.
    """
    if prepared.num_rows is not None and prepared.num_rows != num_rows:
        raise ShapeError(
            f"Expected the row arrays and terms of `epilogue` to have {num_rows} rows (got {prepared.num_rows}). "
            "Make the epilogue for this graph."
        )
    if out is None:
        rows: UInt8Array | Float32Array = aligned_empty((num_rows, prepared.out_width), prepared.out_dtype)
        return rows
    is_packed = prepared.out_dtype == UINT8
    check_array("out", out, prepared.out_dtype, (num_rows, None if is_packed else prepared.out_width))
    if out.shape[1] < prepared.out_width:
        raise ShapeError(
            f"Expected `out` to have rows of at least {prepared.out_width} bytes (got {out.shape[1]}). "
            "Use `aligned_row_bytes`."
        )
    checked: UInt8Array | Float32Array = out
    return checked


def thread_count(num_threads: int | None) -> int:
    """Return the count as the native module takes it: a negative one is an upper bound.

    Raises:
        ArgumentError: `num_threads` < 1.
    """
    if num_threads is None:
        return -isa.default_num_threads()
    if num_threads < 1:
        raise ArgumentError(f"Expected `num_threads` to be >= 1 (got {num_threads}). Use None for the default.")
    return num_threads


def perform_reference(function: Callable[[], Any], out: Out) -> Out:
    """Run a function of the reference as a call that fills `out`."""
    return perform(PythonCall(lambda: store(function(), out)), out)


def store(result: UInt8Array | Float32Array, out: UInt8Array | Float32Array) -> UInt8Array | Float32Array:
    """Copy rows into longer ones; what is left of those becomes zero."""
    out[:, : result.shape[1]] = result
    out[:, result.shape[1] :] = 0
    return out
