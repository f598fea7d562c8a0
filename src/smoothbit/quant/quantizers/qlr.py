"""QLR: affine quantizer with a learnable range, and its bitwise truncations BT and BT*."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from smoothbit.quant.functional import TorchLaw, dequantize, quantize
from smoothbit.quant.quantizers.base import QUANTIZERS
from smoothbit.quant.quantizers.min_max import MinMax, grid_over

NUM_CANDIDATES = {1: 10, 2: 10, 4: 50, 8: 50}
"""Values of alpha tried at the start, evenly spaced in (0, 1]."""

MAX_SEARCH_VALUES = 1 << 15
"""Values of a group that the search looks at, evenly spaced; more change alpha by less than one candidate."""


@QUANTIZERS.register("qlr")
class QLR(MinMax):
    """Grid over [alpha * m, alpha * M] with m, M observed and alpha > 0 learned by the task loss.

    Shapes:
        log_alpha: [G] float32.

    Reference:
        Wang et al. 2023 (arXiv 2308.14949); DESIGN 2.1. Departures: the gradient of alpha is the
        derivative of x^ (the public code's is zero); alpha is learned as its logarithm, because
        Adam's step is absolute; m, M are moving averages, not the last batch; the start value is
        searched on at most 32,768 values.
    """

    def __init__(self, num_bits: int, **options: object) -> None:
        super().__init__(num_bits, **options)  # type: ignore[arg-type]
        self.log_alpha = nn.Parameter(torch.zeros(self.num_groups))

    def initialise(self, groups: Tensor) -> None:
        """Set alpha to the candidate with the least mean |x - x^|, the smallest among equals."""
        sample = groups[:, :: max(1, groups.shape[1] // MAX_SEARCH_VALUES)]
        count = NUM_CANDIDATES[self.num_bits]
        best = torch.full((self.num_groups,), torch.inf, device=groups.device)
        for index in range(1, count + 1):
            alpha = torch.full((self.num_groups,), index / count, device=groups.device)
            law = self._law(alpha[:, None], self.observer.lo[:, None], self.observer.hi[:, None])
            error = (sample - dequantize(quantize(sample, law), law)).abs().mean(dim=1)
            is_better = error < best
            best = torch.where(is_better, error, best)
            self.log_alpha.data = torch.where(is_better, alpha.log(), self.log_alpha.data)

    @torch.no_grad()
    def set_range(self, lo: Tensor, hi: Tensor) -> None:
        """Take [lo, hi] for the observed range, with alpha 1; for a weight, as share alpha of its own range.

        What a weight spans is observed anew in each training pass; a share of it stays.
        """
        if self.is_weight:
            reach = self.observer.hi - self.observer.lo
            self.log_alpha.copy_(torch.where(reach > 0, (hi - lo) / reach, torch.ones_like(reach)).log())
        else:
            super().set_range(lo, hi)
            self.log_alpha.zero_()

    @torch.no_grad()
    def scale_range(self, factor: float) -> None:
        """Multiply alpha."""
        self.log_alpha.add_(math.log(factor))

    def torch_law(self) -> TorchLaw:
        """Return the law over the learned range."""
        return self._law(self.log_alpha.exp(), self.observer.lo, self.observer.hi)

    def range_parameters(self) -> list[nn.Parameter]:
        """The logarithm of alpha."""
        return [self.log_alpha]

    def _law(self, alpha: Tensor, lo: Tensor, hi: Tensor) -> TorchLaw:
        return TorchLaw(*grid_over(alpha * lo, alpha * hi, self.num_bits, is_half=self.has_half_grid), self.qmax)


@QUANTIZERS.register("bt")
class BT(QLR):
    """Bitwise truncation: 8-bit codes rounded to multiples of 255 / (2^b - 1).

    A b-bit code whose zero point lies on the 8-bit grid, so the grid may straddle 0.

    Reference:
        Wang et al. 2023; DESIGN 2.1. Departure: as `QLR`.
    """

    def _law(self, alpha: Tensor, lo: Tensor, hi: Tensor) -> TorchLaw:
        grid = grid_over(alpha * lo, alpha * hi, 8)
        return TorchLaw(*grid, self.qmax, divisor=255 // self.qmax, shift=self._shift())

    def _shift(self) -> int:
        return 0


@QUANTIZERS.register("bt_star")
class BTStar(BT):
    """Skewness-aware bitwise truncation: the rounded skewness is added to the 8-bit code.

    Shapes:
        skewness: [] float32, rounded third standardised moment of the first batch.

    Reference:
        Wang et al. 2023; DESIGN 2.1. Departures: as `QLR`; the code is clipped after the shift
        (the public code can leave the 8-bit range); the shift is held within half a truncated
        step, so that no code is passed over; skewness is that of the whole tensor.
    """

    skewness: Tensor

    def __init__(self, num_bits: int, **options: object) -> None:
        super().__init__(num_bits, **options)
        self.register_buffer("skewness", torch.zeros(()))

    def initialise(self, groups: Tensor) -> None:
        """Measure the skewness, then search alpha with it."""
        centred = groups - groups.mean()
        spread = centred.square().mean().sqrt()
        if spread > 0:
            self.skewness.copy_((centred / spread).pow(3).mean().round())
        super().initialise(groups)

    def _shift(self) -> int:
        bound = 255 // self.qmax // 2
        return max(-bound, min(bound, int(self.skewness)))
