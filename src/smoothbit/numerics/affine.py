"""The rounding law: how reals become codes and codes become reals (docs/numerics.md).

    r     = clip(round_half_even(x * inv_scale + phase) + zero_point, 0, fine_qmax)
    codes = r                                                              divisor == 1
    codes = clip(round_half_even((r + shift) * inv_divisor), 0, qmax)      divisor > 1 (bit truncation)
    x^    = step * codes + offset

    inv_scale = 1 / scale      inv_divisor = 1 / divisor      step = scale * divisor
    offset = -(scale * (zero_point + phase))      fine_qmax = qmax, or 255 when divisor > 1

All in float32, one rounding for each written operation, no fused multiply-add. Every
implementation (NumPy here, torch in `quant.functional`, C++ in csrc) follows this order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics.qtype import QTYPES, check_num_bits
from smoothbit.typing import AnyArray, Float32Array, UInt8Array

GRANULARITIES = ("per_tensor", "per_channel", "per_group", "per_node")


@dataclass(frozen=True)
class AffineLaw:
    """Affine quantization law of one tensor.

    Args:
        num_bits: Width of a code: 1, 2, 4 or 8.
        scale: Real units per fine code [G], float32, finite, > 0.
        zero_point: Fine code of real 0 (when `phase` is 0) [G], float32 holding integers.
        phase: Shift of the grid in fine codes [G], float32; 0.5 for half-integer grids.
        granularity: What G counts: one for the tensor, each channel, each group of
            `group_size` neighbouring channels, or each node (row).
        group_size: Channels in a group; only for `per_group`.
        divisor: Fine codes per code; 1, or 255 / (2**num_bits - 1) for bit truncation.
        shift: Fine codes added before the division (skewness-aware truncation).

    Raises:
        ArgumentError: a number is outside its range.
        ShapeError: the arrays differ in length.
    """

    num_bits: int
    scale: Float32Array
    zero_point: Float32Array
    phase: Float32Array
    granularity: str = "per_tensor"
    group_size: int = 0
    divisor: int = 1
    shift: int = 0

    def __post_init__(self) -> None:
        check_num_bits(self.num_bits)
        for name in ("scale", "zero_point", "phase"):
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.shape != self.scale.shape:
                raise ShapeError(
                    f"Expected `{name}` to be float32 {list(np.shape(self.scale))} "
                    f"(got {getattr(array, 'dtype', type(array).__name__)} {list(np.shape(array))}). "
                    "Pass three vectors of one length."
                )
            if not np.isfinite(array).all():
                raise ArgumentError(f"Expected `{name}` to be finite (got {array}). Calibrate on finite data.")
        if self.scale.ndim != 1 or len(self.scale) == 0 or not (self.scale > 0).all():
            raise ArgumentError(f"Expected `scale` to be a vector of numbers > 0 (got {self.scale}). Widen the range.")
        if self.granularity not in GRANULARITIES:
            raise ArgumentError(
                f"Expected `granularity` to be one of {', '.join(GRANULARITIES)} (got {self.granularity!r}). "
                "Use per_tensor."
            )
        if self.granularity == "per_tensor" and len(self.scale) != 1:
            raise ShapeError(f"Expected `scale` to have 1 element (got {len(self.scale)}). Use per_channel.")
        if (self.granularity == "per_group") != (self.group_size > 0):
            raise ArgumentError(
                f"Expected `group_size` to be > 0 exactly for per_group (got {self.group_size}). Set both."
            )
        if not 1 <= self.divisor <= 255 or not -255 <= self.shift <= 255:
            raise ArgumentError(
                f"Expected `divisor` in [1, 255] and `shift` in [-255, 255] (got {self.divisor}, {self.shift}). "
                "Use 255 / (2**num_bits - 1) and the rounded skewness."
            )

    @property
    def qmax(self) -> int:
        """Largest code."""
        return QTYPES[self.num_bits].qmax

    @property
    def fine_qmax(self) -> int:
        """Largest code before truncation."""
        return self.qmax if self.divisor == 1 else 255

    @cached_property
    def inv_scale(self) -> Float32Array:
        """Fine codes per real unit [G], float32."""
        return np.float32(1) / self.scale

    @cached_property
    def step(self) -> Float32Array:
        """Real units per code [G], float32."""
        return self.scale * np.float32(self.divisor)

    @cached_property
    def offset(self) -> Float32Array:
        """Real value of code 0 [G], float32."""
        return -(self.scale * (self.zero_point + self.phase))

    def folded(self, factor: float, num_channels: int) -> tuple[Float32Array, Float32Array]:
        """Return ``factor * step`` and ``factor * offset`` as [F], float32; kept for the next call.

        Raises:
            ShapeError: G does not fit `num_channels`.
        """
        key = (factor, num_channels)
        kept = self._folded  # asked for once: another thread may replace a cached property while it is made
        if key not in kept:
            weight = np.float32(factor)
            step, offset = self.expand(self.step, num_channels), self.expand(self.offset, num_channels)
            kept[key] = (weight * step, weight * offset)
        return kept[key]

    @cached_property
    def _folded(self) -> dict[tuple[float, int], tuple[Float32Array, Float32Array]]:
        return {}

    def expand(self, values: Float32Array, num_channels: int) -> Float32Array:
        """Return `values` [G] as [F] (per tensor, channel, group), or as [N, 1] (per node).

        Raises:
            ShapeError: G does not fit `num_channels`.
        """
        if self.granularity == "per_node":
            return values[:, None]
        if self.granularity == "per_tensor":
            return np.full(num_channels, values[0], dtype=np.float32)
        expected = -(-num_channels // self.group_size) if self.granularity == "per_group" else num_channels
        if len(values) != expected:
            raise ShapeError(
                f"Expected `scale` to have {expected} elements for {num_channels} channels (got {len(values)}). "
                f"Check the granularity '{self.granularity}'."
            )
        if self.granularity == "per_group":
            return np.repeat(values, min(self.group_size, num_channels))[:num_channels]
        return np.ascontiguousarray(values)


def per_tensor_law(num_bits: int, scale: float, zero_point: float = 0.0, phase: float = 0.0) -> AffineLaw:
    """Return a law with one scale for the whole tensor."""
    arrays = [np.array([v], dtype=np.float32) for v in (scale, zero_point, phase)]
    return AffineLaw(num_bits, arrays[0], arrays[1], arrays[2])


def law_from_range(lo: AnyArray, hi: AnyArray, num_bits: int, granularity: str = "per_tensor") -> AffineLaw:
    """Return the law whose grid spans [lo, hi], both clamped to include 0.

    Args:
        lo: Lower ends [G], any float dtype, real units of x.
        hi: Upper ends [G], same.
        num_bits: 1, 2, 4 or 8.
        granularity: What G counts.

    Returns:
        Law with scale = (hi - lo) / qmax (1 for an empty range), zero_point = clip(round(-lo / scale), 0, qmax).

    Reference:
        Jacob et al. 2018, section 2.1; DESIGN 2.1. Departure: none.
    """
    qmax = np.float32(QTYPES[check_num_bits(num_bits)].qmax)
    low = np.minimum(np.atleast_1d(np.asarray(lo, dtype=np.float32)), np.float32(0))
    high = np.maximum(np.atleast_1d(np.asarray(hi, dtype=np.float32)), np.float32(0))
    scale: Float32Array = np.asarray((high - low) / qmax, dtype=np.float32)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    zero_point: Float32Array = np.asarray(np.clip(np.rint(-low / scale), 0, qmax), dtype=np.float32)
    return AffineLaw(num_bits, scale, zero_point, np.zeros_like(scale), granularity)


def quantize(x: Float32Array, law: AffineLaw) -> UInt8Array:
    """Turn reals into codes.

    Args:
        x: Values [N, F], float32, finite.
        law: Quantization law; its G must fit N or F.

    Returns:
        Codes [N, F], uint8 within [0, qmax].

    Reference:
        docs/numerics.md, "The rounding law". Departure: none.
    """
    num_channels = x.shape[-1]
    inv_scale, phase, zero_point = (law.expand(v, num_channels) for v in (law.inv_scale, law.phase, law.zero_point))
    rounded = np.rint(x * inv_scale + phase) + zero_point
    codes = np.clip(rounded, np.float32(0), np.float32(law.fine_qmax))
    if law.divisor > 1:
        inv_divisor = np.float32(1) / np.float32(law.divisor)
        codes = np.clip(np.rint((codes + np.float32(law.shift)) * inv_divisor), np.float32(0), np.float32(law.qmax))
    whole: UInt8Array = codes.astype(np.uint8)
    return whole


def dequantize(codes: AnyArray, law: AffineLaw) -> Float32Array:
    """Turn codes [N, F] into reals [N, F] float32: step * codes + offset."""
    num_channels = codes.shape[-1]
    scaled = codes.astype(np.float32) * law.expand(law.step, num_channels)
    real: Float32Array = scaled + law.expand(law.offset, num_channels)
    return real
