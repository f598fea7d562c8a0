"""Bit packing: b-bit codes in rows of whole bytes.

Element i of a row occupies bits ``(i * b) % 8`` upward of byte ``i * b // 8``; padding bits are zero.
At 2 bits one byte holds four elements::

    bit   7 6 | 5 4 | 3 2 | 1 0
    elem  i+3 | i+2 | i+1 | i
"""

from __future__ import annotations

import numpy as np

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics.qtype import check_num_bits
from smoothbit.typing import AnyArray, UInt8Array


def packed_row_bytes(num_channels: int, num_bits: int) -> int:
    """Return B, the bytes of one packed row of `num_channels` codes."""
    return (num_channels * num_bits + 7) // 8


def pack(codes: AnyArray, num_bits: int) -> UInt8Array:
    """Pack codes along the last axis.

    Args:
        codes: Integer codes [..., F] within [0, 2**num_bits - 1], any integer dtype.
        num_bits: 1, 2, 4 or 8.

    Returns:
        Packed rows [..., B], uint8.

    Raises:
        ArgumentError: `num_bits` is unknown or a code is out of range.
    """
    check_num_bits(num_bits)
    codes = np.asarray(codes)
    if codes.size and (codes.min() < 0 or codes.max() >= 1 << num_bits):
        bad = int(codes.min() if codes.min() < 0 else codes.max())
        raise ArgumentError(
            f"Expected `codes` to be in [0, {(1 << num_bits) - 1}] (got {bad}). Quantize before packing."
        )
    per_byte = 8 // num_bits
    num_channels = codes.shape[-1]
    padded = np.zeros((*codes.shape[:-1], packed_row_bytes(num_channels, num_bits) * per_byte), dtype=np.uint8)
    padded[..., :num_channels] = codes
    grouped = padded.reshape(*codes.shape[:-1], padded.shape[-1] // per_byte, per_byte)
    shifts = np.arange(per_byte, dtype=np.uint8) * np.uint8(num_bits)
    packed: UInt8Array = np.bitwise_or.reduce(grouped << shifts, axis=-1)
    return packed


def unpack(packed: UInt8Array, num_bits: int, num_channels: int) -> UInt8Array:
    """Invert `pack`.

    Args:
        packed: Packed rows [..., B'] uint8 with B' >= `packed_row_bytes(num_channels, num_bits)`.
        num_bits: 1, 2, 4 or 8.
        num_channels: Number of codes F in each row.

    Returns:
        Codes [..., F], uint8.

    Raises:
        ArgumentError: `num_bits` is unknown.
        ShapeError: rows are too short.
    """
    check_num_bits(num_bits)
    row_bytes = packed_row_bytes(num_channels, num_bits)
    if packed.dtype != np.uint8 or packed.shape[-1] < row_bytes:
        raise ShapeError(
            f"Expected `packed` to be uint8 with rows of at least {row_bytes} bytes "
            f"(got {packed.dtype} {list(packed.shape)}). Check `num_channels` and `num_bits`."
        )
    shifts = np.arange(8 // num_bits, dtype=np.uint8) * np.uint8(num_bits)
    mask = np.uint8((1 << num_bits) - 1)
    codes = (packed[..., :row_bytes, None] >> shifts) & mask
    flat: UInt8Array = codes.reshape(*packed.shape[:-1], row_bytes * (8 // num_bits))[..., :num_channels]
    return np.ascontiguousarray(flat)


def padding_is_zero(packed: UInt8Array, num_bits: int, num_channels: int) -> bool:
    """Return whether all bits after the last code of each row are zero."""
    used_bits = num_channels * num_bits
    whole, rest = divmod(used_bits, 8)
    if rest and np.any(packed[..., whole] >> np.uint8(rest)):
        return False
    return not np.any(packed[..., (used_bits + 7) // 8 :])
