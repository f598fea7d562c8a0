"""Delta-coded propagation: messages and sums that grow by gathered differences (docs/numerics.md).

A step reads the codes q of the differences. Row i, channel h, e and c the step's `exponent` and `center`::

    D = 2**e * (2 q[i, h] - c)                                      M = M + D       int16, at first M = D
    T = 2**e * (2 sum_{j in N(i)} q[j, h] - c * |N(i)|)             S = S + T       exact, at first S = T

    y = float32(S) * col_scale[h]
    y = y * row_scale[i]
    y = y + float32(M) * message_scale
    y = y + t                                                       the term of the epilogue
    y = y + float32(D) * change_scale
    y = y + (float32(T) * sum_change_scale) * row_scale[i]
    y = y - float32(M) * known_scale
    y = y * output_row_scale[i]
    out = quantize(y, output), packed                               no output law: out = y, float32

Parts whose scale is 0 are left out. All else is as in `kernels.epilogue`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smoothbit.kernels.epilogue import Epilogue
from smoothbit.numerics.aligned import aligned_empty
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.packing import packed_row_bytes
from smoothbit.typing import Int16Array, Int32Array, Int64Array

INT16_MAX = 2**15 - 1
BLOCK_BYTES = 16
"""Rows of a state have room for the channels of a whole number of such blocks of codes."""


@dataclass(frozen=True)
class DeltaStep:
    """Parameters of a step; see the module docstring for the order of operations.

    Args:
        epilogue: `col_scale` and `row_scale`, at most one term, `output_row_scale` and `output`; nothing else.
        exponent: Power of two of the differences.
        center: Twice the code that stands for 0.
        is_first: Whether messages and sums start here.
        message_scale: Factor of M, float32; 0 where it has no share.
        change_scale: Factor of D, likewise.
        sum_change_scale: Factor of the mean of D, likewise.
        known_scale: Factor of the M that is taken away where the output is a difference, likewise.
    """

    epilogue: Epilogue
    exponent: int
    center: int
    is_first: bool
    message_scale: np.float32
    change_scale: np.float32
    sum_change_scale: np.float32
    known_scale: np.float32


@dataclass(frozen=True)
class DeltaState:
    """Messages M and sums S between the steps of one propagation.

    Sums rest in int16 where the row is short enough for that, else in int32. The order of the channels
    in a row is the kernel's own, so a propagation ends on the ISA that it began on.

    Args:
        messages: M [N, W], int16, W >= F.
        sums: S [N, W], int16; rows with a slot are not used.
        wide_sums: S [H, W], int32, of the rows with a slot.
        slots: Row of `wide_sums` for each node [N], int32, or -1.
    """

    messages: Int16Array
    sums: Int16Array
    wide_sums: Int32Array
    slots: Int32Array

    def load(self, num_channels: int) -> tuple[Int64Array, Int64Array]:
        """Return M and S [N, F], channels as `save` left them."""
        sums = self.sums[:, :num_channels].astype(np.int64)
        is_wide = self.slots >= 0
        sums[is_wide] = self.wide_sums[self.slots[is_wide], :num_channels]
        return self.messages[:, :num_channels].astype(np.int64), sums

    def save(self, messages: Int64Array, sums: Int64Array) -> None:
        """Keep M and S [N, F]."""
        is_wide = self.slots >= 0
        width = messages.shape[1]
        self.messages[:, :width] = messages
        self.sums[~is_wide, :width] = sums[~is_wide]
        self.wide_sums[self.slots[is_wide], :width] = sums[is_wide]


def delta_stored_bits(num_channels: int, num_bits: int) -> int:
    """Return how many bits the codes of a propagation rest in: more where a row of theirs does not fill a block.

    A step works on blocks of 16 bytes, whatever part of them a row has, and one of 8 bits has an eighth of the
    channels of one of 1 bit.

    Args:
        num_channels: F.
        num_bits: Width of the codes.
    """
    return max(num_bits, next((bits for bits in (8, 4, 2) if num_channels * bits <= 8 * BLOCK_BYTES), num_bits))


def delta_state(graph: CSR, num_channels: int, num_bits: int, bound: int) -> DeltaState:
    """Return room for a propagation; its first step fills it.

    Args:
        graph: N rows of entries.
        num_channels: F.
        num_bits: Bits that the codes of the differences rest in.
        bound: Largest magnitude of M, at most 2**15 - 1; a sum of row i is at most ``bound * |N(i)|``.
    """
    shape = (graph.num_rows, delta_state_width(num_channels, num_bits))
    is_wide = graph.row_lengths * bound > INT16_MAX
    slots = np.where(is_wide, np.cumsum(is_wide) - 1, -1).astype(np.int32)
    wide = aligned_empty((int(is_wide.sum()), shape[1]), np.int32)
    return DeltaState(aligned_empty(shape, np.int16), aligned_empty(shape, np.int16), wide, slots)


def delta_state_width(num_channels: int, num_bits: int) -> int:
    """Return W: F rounded up to whole blocks, an even number of them beyond the first."""
    row_bytes = packed_row_bytes(num_channels, num_bits)
    room = BLOCK_BYTES if row_bytes <= BLOCK_BYTES else (row_bytes + 31) // 32 * 32
    return room * 8 // num_bits
