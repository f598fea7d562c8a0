"""Makers of kernel inputs: graphs, packed arrays with guard bytes, epilogues with every part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smoothbit.kernels import Epilogue, Term
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.packing import pack, packed_row_bytes
from smoothbit.typing import AnyArray

GUARD = 64
"""Guard bytes on either side of a buffer; they hold GUARD_BYTE and must still do so afterwards."""
GUARD_BYTE = 0xA5
WIDTHS = (1, 2, 4, 8)

PARTS = (
    "row_term",
    "row_scale",
    "col_bias",
    "aggregate",
    "aggregate_truncated",
    "term",
    "term_row_scale",
    "float_term",
    "four_terms",
    "relu",
    "output_row_scale",
    "out_rows",
)
"""Optional parts of an epilogue that `make_epilogue` knows."""

OUTPUTS = ("u1", "u2", "u4", "u8", "u2 in u8", "truncated", "per_channel", "per_group", "float")
"""Output laws that `make_epilogue` knows; "u2 in u8" stores codes of 2 bits in bytes."""


@dataclass
class Guarded:
    """Array inside a larger buffer, at any byte offset, between guard bytes."""

    buffer: AnyArray
    array: AnyArray

    def is_intact(self) -> bool:
        """Return whether the guard bytes are what they were."""
        start = self.array.__array_interface__["data"][0] - self.buffer.__array_interface__["data"][0]
        end = start + self.array.nbytes
        return bool((self.buffer[:start] == GUARD_BYTE).all() and (self.buffer[end:] == GUARD_BYTE).all())


def guarded(shape: tuple[int, ...], dtype: Any, offset: int = 0) -> Guarded:
    """Return an array of `shape` that starts `offset` bytes after a 64-byte boundary plus the guard."""
    num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.full(num_bytes + 2 * GUARD + 128, GUARD_BYTE, dtype=np.uint8)
    start = (-buffer.__array_interface__["data"][0]) % 64 + GUARD + offset
    array = buffer[start : start + num_bytes].view(dtype).reshape(shape)
    return Guarded(buffer, array)


def place(values: AnyArray, stride: int | None = None, offset: int = 0, filler: int = 0xFF) -> Guarded:
    """Copy rows into a guarded buffer; bytes of the stride after the row hold `filler`, not zero."""
    width = values.shape[1] if stride is None else stride
    result = guarded((values.shape[0], width), values.dtype, offset)
    result.array[...] = filler
    result.array[:, : values.shape[1]] = values
    return result


def make_graph(rng: np.random.Generator, num_rows: int, num_cols: int, hub: int = 0, values: bool = False) -> CSR:
    """Return a graph with empty rows, degrees around every small remainder, and one hub of `hub` entries."""
    lengths = rng.choice([0, 0, 1, 2, 3, 4, 5, 7, 8, 9, 17, 18], size=num_rows) if num_cols else np.zeros(num_rows, int)
    if num_rows and num_cols and hub:
        lengths[num_rows // 2] = hub
    indptr = np.zeros(num_rows + 1, dtype=np.int64)
    np.cumsum(lengths, out=indptr[1:])
    indices = rng.integers(0, max(num_cols, 1), size=int(indptr[-1]), dtype=np.int32)
    entry_values = rng.normal(size=len(indices)).astype(np.float32) if values else None
    return CSR(indptr, indices, num_cols, entry_values)


def make_codes(rng: np.random.Generator, shape: tuple[int, int], num_bits: int, kind: str = "random") -> AnyArray:
    """Return codes that are random, all the largest, or all zero."""
    qmax = (1 << num_bits) - 1
    if kind == "random":
        return rng.integers(0, qmax + 1, size=shape, dtype=np.uint8)
    return np.full(shape, qmax if kind == "largest" else 0, dtype=np.uint8)


def make_law(rng: np.random.Generator, kind: str, num_channels: int, spread: float) -> AffineLaw:
    """Return an output law of a kind in OUTPUTS for values within about +-spread."""
    num_bits = int(kind[1]) if kind[0] == "u" else 2
    size, granularity, group_size = 1, "per_tensor", 0
    if kind == "per_channel":
        size, granularity, num_bits = max(num_channels, 1), "per_channel", 4
    elif kind == "per_group":
        group_size = 5
        size, granularity = max(-(-num_channels // group_size), 1), "per_group"
    truncated = kind == "truncated"
    fine_qmax = 255 if truncated else (1 << num_bits) - 1
    scale = (2 * spread / fine_qmax * rng.uniform(0.5, 1.5, size=size)).astype(np.float32)
    # Whole-zero zero points and phases, and uniform steps below, take shorter paths in some kernels.
    zero_point = (rng.integers(0, fine_qmax + 1, size=size) * rng.integers(0, 2)).astype(np.float32)
    phase = (rng.choice([0.0, 0.5], size=size) * rng.integers(0, 2)).astype(np.float32)
    divisor, shift = (255 // ((1 << num_bits) - 1), -7) if truncated else (1, 0)
    return AffineLaw(num_bits, scale, zero_point, phase, granularity, group_size, divisor, shift)


def make_term(
    rng: np.random.Generator, num_rows: int, num_channels: int, num_bits: int, has_row_scale: bool, extra: int = 0
) -> Term:
    """Return a term of float values (32 bits) or packed codes with `extra` bytes in each row."""
    is_uniform = bool(rng.integers(0, 2))
    step, offset = (rng.normal(size=1 if is_uniform else num_channels).astype(np.float32) for _ in range(2))
    step, offset = (np.ascontiguousarray(np.broadcast_to(a, num_channels)) for a in (step, offset))
    row_scale = rng.normal(size=num_rows).astype(np.float32) if has_row_scale else None
    if num_bits == 32:
        values = rng.normal(size=(num_rows, num_channels)).astype(np.float32)
        return Term(place(values, filler=0).array, 32, step, None, row_scale)
    packed = pack(make_codes(rng, (num_rows, num_channels), num_bits), num_bits)
    data = place(packed, packed.shape[1] + extra, offset=extra % 3)
    return Term(data.array, num_bits, step, offset, row_scale)


def make_epilogue(
    rng: np.random.Generator,
    num_rows: int,
    num_channels: int,
    *,
    output: str = "u2",
    parts: tuple[str, ...] = (),
    term_bits: int = 2,
    has_sum: bool = True,
    is_gemm: bool = False,
    spread: float = 8.0,
) -> Epilogue:
    """Return an epilogue with the named parts and random parameters."""

    def channel(scale: float = 1.0) -> AnyArray:
        return (rng.normal(size=num_channels) * scale).astype(np.float32)

    def row() -> AnyArray:
        return rng.uniform(0.1, 1.0, size=num_rows).astype(np.float32)

    e = Epilogue(num_channels, col_scale=channel(0.3) if has_sum else None)
    if "row_term" in parts:
        e = replace(e, row_term=None if is_gemm else row(), col_term=channel())
    if "row_scale" in parts:
        e = replace(e, row_scale=row())
    if "col_bias" in parts:
        e = replace(e, col_bias=channel())
    if "aggregate" in parts or "aggregate_truncated" in parts:
        law = make_law(rng, "truncated" if "aggregate_truncated" in parts else "u4", num_channels, spread)
        e = replace(e, aggregate=law, aggregate_step=channel(), aggregate_offset=channel())
    terms: list[Term] = []
    if "term" in parts:
        terms.append(make_term(rng, num_rows, num_channels, term_bits, False))
    if "term_row_scale" in parts:
        terms.append(make_term(rng, num_rows, num_channels, term_bits, True, extra=5))
    if "float_term" in parts:
        terms.append(make_term(rng, num_rows, num_channels, 32, True))
    if "four_terms" in parts:
        terms = [make_term(rng, num_rows, num_channels, bits, bits % 4 == 0, extra=bits) for bits in (1, 2, 4, 8)]
    e = replace(e, terms=tuple(terms), has_relu="relu" in parts)
    if "output_row_scale" in parts:
        e = replace(e, output_row_scale=row())
    if output == "float":
        return replace(e, out_rows=rng.permutation(num_rows).astype(np.int32)) if "out_rows" in parts else e
    return replace(
        e,
        output=make_law(rng, output, num_channels, spread),
        output_bits=8 if output.endswith("in u8") else None,
    )


def make_output(epilogue: Epilogue, num_rows: int, extra: int = 0, offset: int = 0) -> Guarded:
    """Return a guarded output buffer, its rows `extra` bytes longer than needed and full of ones."""
    if epilogue.output is None:
        return guarded((num_rows, epilogue.num_channels), np.float32)
    width = packed_row_bytes(epilogue.num_channels, epilogue.stored_bits) + extra
    result = guarded((num_rows, width), np.uint8, offset)
    result.array[...] = 0xFF
    return result
