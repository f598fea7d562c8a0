"""Values that flow between operations, and how they enter an epilogue."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np

from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.kernels import Term
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.packing import pack
from smoothbit.typing import Float32Array, Int16Array


@dataclass(frozen=True)
class SparseCodes:
    """Quantized sparse features: X^ = diag(row_scale) * scale * (integer entries).

    Args:
        pattern: CSR [N, F] without values.
        weights: Integer of each entry [E], int16; None when every entry is 1.
        scale: Real units per integer.
        row_scale: Factor of each row [N], float32, or None.
        row_sums: Sum of the integers of each row [N], float32.
    """

    pattern: CSR
    weights: Int16Array | None
    scale: np.float32
    row_scale: Float32Array | None
    row_sums: Float32Array


@dataclass(frozen=True)
class SparseValues:
    """Float32 sparse features of an FP32 model: X = diag(row_scale) * matrix."""

    matrix: CSR
    row_scale: Float32Array | None


Dense: TypeAlias = PackedTensor | Float32Array
Value: TypeAlias = Dense | SparseCodes | SparseValues


def num_channels(value: Dense) -> int:
    """Return F of a dense value."""
    return value.num_channels if isinstance(value, PackedTensor) else int(value.shape[1])


def num_rows(value: Dense) -> int:
    """Return N of a dense value."""
    return value.num_rows if isinstance(value, PackedTensor) else int(value.shape[0])


def equal_laws(first: AffineLaw, second: AffineLaw) -> bool:
    """Return whether two laws have the same numbers."""
    names = [part.name for part in fields(AffineLaw)]
    return first is second or all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


def same_law(first: AffineLaw, second: AffineLaw | None) -> bool:
    """Return whether quantizing by `second` what has codes of `first` gives the very codes."""
    return second is not None and second.shift == 0 and equal_laws(first, second)


def term(value: Dense, weight: float, row_scale: Float32Array | None = None) -> Term:
    """Return ``weight * row_scale * value`` as an epilogue term, the weight folded into its step."""
    if isinstance(value, PackedTensor):
        step, offset = value.law.folded(weight, value.num_channels)
        return Term(value.data, value.law.num_bits, step, offset, row_scale)
    return Term(value, 32, np.full(value.shape[1], weight, dtype=np.float32), None, row_scale)


def row_constant(values: Float32Array, step: Float32Array) -> Term:
    """Return values[i] * step[h] as a term [N, F]: codes that are all 1, one bit each, times a row factor."""
    ones = pack(np.ones((1, len(step)), dtype=np.uint8), 1)
    return Term(np.repeat(ones, len(values), axis=0), 1, step, np.zeros_like(step), values)
