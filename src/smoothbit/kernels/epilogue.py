"""The epilogue: what happens to an exact int32 sum before it is stored again as packed codes.

One documented order of float32 operations, each rounded once, no fused multiply-add. Row i,
channel h, exact integer sum S (absent terms are left out, not multiplied by zero)::

    y = float32(S) * col_scale[h]
    y = y + row_term[i] * col_term[h]
    y = y * row_scale[i]
    y = y + col_bias[h]
    y = float32(quantize(y, aggregate)) * aggregate_step[h] + aggregate_offset[h]
    for each term:
        t = float32(codes[i, h]) * step[h] + offset[h]      (float terms: t = values[i, h] * step[h])
        t = t * term_row_scale[i]
        y = y + t
    y = max(y, 0)                                           (relu)
    y = y * output_row_scale[i]
    out[i] = quantize(y, output), packed                    (no output law: out[out_rows[i]] = y, float32)

`quantize` is the law of `numerics.affine`. Kernels without a sum (`requantize` with
`sums=None`) start from y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from smoothbit.numerics.affine import AffineLaw
from smoothbit.typing import Float32Array, Int32Array, UInt8Array


@dataclass(frozen=True)
class Term:
    """Something added to each row: packed codes, or float32 values.

    Args:
        data: Packed codes [N, stride] uint8 with stride >= B, or values [N, F] float32.
        num_bits: Width of the codes; 32 for float values.
        step: Real units per code [F], float32 (any mixing coefficient folded in).
        offset: Real value of code 0 [F], float32 (folded likewise); None for float values.
        row_scale: Factor of each row [N], float32, or None.
    """

    data: UInt8Array | Float32Array
    num_bits: int
    step: Float32Array
    offset: Float32Array | None
    row_scale: Float32Array | None = None


@dataclass(frozen=True)
class Epilogue:
    """Parameters of the epilogue; see the module docstring for the order of operations.

    Args:
        num_channels: F.
        col_scale: [F] float32, or None when there is no sum.
        row_term: [N] float32, or None. In `gemm` it is the sum of each row's codes and is
            computed by the kernel: leave it None there and give `col_term` alone.
        col_term: [F] float32, or None.
        row_scale: [N] float32, or None.
        col_bias: [F] float32, or None.
        aggregate: Law for quantizing the aggregate, or None.
        aggregate_step: [F] float32, given exactly when `aggregate` is (mixing coefficient folded in).
        aggregate_offset: [F] float32, likewise.
        terms: At most 4 terms, added in order.
        has_relu: Whether negative values become 0.
        output_row_scale: [N] float32, or None.
        output: Law of the stored codes, or None to store float32.
        output_bits: Bits a stored code takes, at least those of `output`; None for just those.
        out_rows: Row of the output that each row is stored as [N], int32, a permutation; None to keep them in
            order. Only with float32 outputs.

    Arrays [N] are read in every run, and may be written to between runs. Those that own their memory and are read-only
    count as constant: a call that is repeated need not compare their rows each time.

    Laws are per tensor, channel or group (anything that expands to [F]).
    """

    num_channels: int
    col_scale: Float32Array | None = None
    row_term: Float32Array | None = None
    col_term: Float32Array | None = None
    row_scale: Float32Array | None = None
    col_bias: Float32Array | None = None
    aggregate: AffineLaw | None = None
    aggregate_step: Float32Array | None = None
    aggregate_offset: Float32Array | None = None
    terms: tuple[Term, ...] = ()
    has_relu: bool = False
    output_row_scale: Float32Array | None = None
    output: AffineLaw | None = None
    output_bits: int | None = None
    out_rows: Int32Array | None = None

    @property
    def stored_bits(self) -> int:
        """Bits of an element of the output: 1, 2, 4, 8, or 32 for float32."""
        if self.output is None:
            return 32
        return self.output.num_bits if self.output_bits is None else self.output_bits
