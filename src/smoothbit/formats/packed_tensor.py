"""Packed tensor: codes in rows of bytes, and the law that gives them their meaning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smoothbit.errors import ShapeError
from smoothbit.numerics import affine
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.packing import pack, packed_row_bytes, unpack
from smoothbit.typing import Float32Array, UInt8Array


@dataclass(frozen=True)
class PackedTensor:
    """Matrix of b-bit codes with x^ = step * codes + offset.

    Args:
        data: Packed rows [N, stride], uint8, stride >= B, padding bits zero.
        num_channels: Number of codes F in a row.
        law: Quantization law; `law.num_bits` is the width of a code.

    Raises:
        ShapeError: `data` is not uint8 [N, stride >= B].
    """

    data: UInt8Array
    num_channels: int
    law: AffineLaw

    def __post_init__(self) -> None:
        row_bytes = packed_row_bytes(self.num_channels, self.law.num_bits)
        if self.data.dtype != np.uint8 or self.data.ndim != 2 or self.data.shape[1] < row_bytes:
            raise ShapeError(
                f"Expected `data` to be uint8 [N, >= {row_bytes}] "
                f"(got {self.data.dtype} {list(self.data.shape)}). Pack {self.num_channels} codes to a row."
            )

    @property
    def num_rows(self) -> int:
        """Number of rows N."""
        return int(self.data.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """(N, F)."""
        return self.num_rows, self.num_channels

    @property
    def packed_bytes(self) -> int:
        """Bytes of the codes without row padding beyond whole bytes."""
        return self.num_rows * packed_row_bytes(self.num_channels, self.law.num_bits)

    def codes(self) -> UInt8Array:
        """Return the codes [N, F], uint8."""
        return unpack(self.data, self.law.num_bits, self.num_channels)

    def dequantize(self) -> Float32Array:
        """Return x^ [N, F], float32."""
        return affine.dequantize(self.codes(), self.law)

    @classmethod
    def from_values(cls, values: Float32Array, law: AffineLaw) -> PackedTensor:
        """Quantize and pack float32 values [N, F]."""
        return cls(pack(affine.quantize(values, law), law.num_bits), values.shape[1], law)
