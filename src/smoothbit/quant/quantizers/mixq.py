"""MixQ: an affine grid with a learned step; widths come from a relaxed mixture."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from smoothbit.quant.functional import TorchLaw
from smoothbit.quant.quantizers.base import QUANTIZERS, Quantizer
from smoothbit.quant.quantizers.lsq import LSQ
from smoothbit.quant.quantizers.min_max import grid_over


@QUANTIZERS.register("mixq")
class MixQ(LSQ):
    """Affine quantizer over the first batch whose step is learned; `train.policies.Mixture` chooses widths.

    Shapes:
        log_step, zero_point, phase: [G] float32; zero point and phase are those of the first batch.

    Reference:
        Moustafa et al. 2025 (arXiv 2505.09361), section 4; methods/13. Departures: log(step) is learned
        with the derivative of x^; the zero point stays where the first batch puts it; a 1-bit grid reaches
        both ends of a signed range instead of -1 and +1.
    """

    width_policy: ClassVar[str] = "mixture"
    zero_point: Tensor
    phase: Tensor

    # The grid is more than a step.
    set_range = Quantizer.set_range
    scale_range = Quantizer.scale_range

    def __init__(self, num_bits: int, **options: object) -> None:
        super().__init__(num_bits, **options)
        self.register_buffer("zero_point", torch.zeros(self.num_groups))
        self.register_buffer("phase", torch.zeros(self.num_groups))

    def initialise(self, groups: Tensor) -> None:
        """Span the range of the first batch, 0 included."""
        lo, hi = torch.aminmax(groups, dim=1)
        scale, zero_point, phase = grid_over(lo.clamp(max=0), hi.clamp(min=0), self.num_bits)
        self.log_step.data.copy_(scale.log())
        self.zero_point.copy_(zero_point)
        self.phase.copy_(phase)

    def torch_law(self) -> TorchLaw:
        """Return the law of the current step."""
        return TorchLaw(self.log_step.exp(), self.zero_point, self.phase, self.qmax)
