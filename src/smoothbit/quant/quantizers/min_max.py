"""Min-max quantizer: the grid spans a moving average of the tensor's range."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smoothbit.quant.functional import TorchLaw
from smoothbit.quant.observers import MinMaxObserver
from smoothbit.quant.quantizers.base import QUANTIZERS, Quantizer

MIN_SCALE = 1e-12
"""Floor of a step, so that an all-zero tensor has a finite law."""


def grid_over(lo: Tensor, hi: Tensor, num_bits: int, *, is_half: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Return (scale, zero_point, phase) of the grid over [lo, hi], tensors of one shape.

    The zero point is rounded to an integer, so that 0 is exact. At 1 bit a signed range keeps
    its real zero point, split into integer part and phase: a grid through 0 would have only one
    other level. With `is_half` a signed range is widened to [-r, r], its levels half a step off 0.

    Reference:
        DESIGN 2.1. Departures: the real zero point at 1 bit; the half-integer grid.
    """
    qmax = float((1 << num_bits) - 1)
    if is_half:
        is_signed = (lo < 0) & (hi > 0)
        reach = torch.maximum(-lo, hi)
        lo, hi = torch.where(is_signed, -reach, lo), torch.where(is_signed, reach, hi)
    scale = ((hi - lo) / qmax).clamp(min=MIN_SCALE)
    if is_half:
        half = torch.where(is_signed, 0.5, 0.0)
        below = torch.where(is_signed, (qmax - 1) / 2, (-lo / scale).detach().round().clamp(0, qmax))
        return scale, below, half
    real_zero = (-lo / scale).detach()
    if num_bits > 1:
        return scale, real_zero.round().clamp(0, qmax), torch.zeros_like(real_zero)
    is_signed = (lo < 0) & (hi > 0)
    phase = torch.where(is_signed, real_zero, torch.zeros_like(real_zero))
    return scale, torch.where(is_signed, torch.zeros_like(real_zero), real_zero.round().clamp(0, qmax)), phase


@QUANTIZERS.register("minmax")
class MinMax(Quantizer):
    """Affine quantizer over a moving average of minimum and maximum.

    Args:
        momentum: Weight of the newest batch in the moving average (weights: 1).

    Reference:
        Jacob et al. 2018, section 3.1. Departure: the range always includes 0.
    """

    def __init__(self, num_bits: int, *, momentum: float = 0.1, **options: object) -> None:
        super().__init__(num_bits, **options)  # type: ignore[arg-type]
        self.observer = MinMaxObserver(self.num_groups, 1.0 if self.is_weight else momentum)

    def initialise(self, groups: Tensor) -> None:
        """Nothing beyond the observed range."""

    def observe(self, groups: Tensor) -> None:
        """Move the range towards the batch."""
        self.observer.update(groups, is_first=self.is_first_batch)

    def set_range(self, lo: Tensor, hi: Tensor) -> None:
        """Take [lo, hi] for the observed range."""
        self.observer.set_range(lo, hi)

    def scale_range(self, factor: float) -> None:
        """Multiply the observed range."""
        self.observer.lo.mul_(factor)
        self.observer.hi.mul_(factor)

    def torch_law(self) -> TorchLaw:
        """Return the law over the observed range."""
        return TorchLaw(
            *grid_over(self.observer.lo, self.observer.hi, self.num_bits, is_half=self.has_half_grid), self.qmax
        )

    def range_parameters(self) -> list[nn.Parameter]:
        """None: the range is observed, not learned."""
        return []
