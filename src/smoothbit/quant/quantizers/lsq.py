"""LSQ: learned step size."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from smoothbit.quant.functional import TorchLaw
from smoothbit.quant.quantizers.base import QUANTIZERS, Quantizer

MIN_STEP = 1e-8
"""Floor of the starting step, so that an all-zero tensor has a finite logarithm."""


@QUANTIZERS.register("lsq")
class LSQ(Quantizer):
    """Symmetric quantizer (one-sided for non-negative tensors) whose step is learned by the task loss.

    Signed codes run from -2^(b-1) to 2^(b-1) - 1, unsigned ones from 0 to 2^b - 1.

    Shapes:
        log_step: [G] float32.
        is_signed: [] bool, decided on the first batch.

    Reference:
        Esser et al. 2020 (arXiv 1902.08153), eq. 1 to 4. Departures: log(step) is learned, because
        Adam's step is absolute (methods/README, finding 1), so the gradient factor
        1 / sqrt(numel * qmax) has no effect and is left out; the starting step is taken from the
        non-zero values; at 1 bit signed codes stand for -step/2 and +step/2.
    """

    is_signed: Tensor

    def __init__(self, num_bits: int, **options: object) -> None:
        super().__init__(num_bits, **options)  # type: ignore[arg-type]
        self.log_step = nn.Parameter(torch.zeros(self.num_groups))
        self.register_buffer("is_signed", torch.zeros((), dtype=torch.bool))

    def initialise(self, groups: Tensor) -> None:
        """Set the step to 2 mean|x| / sqrt(p) over non-zero x, p the largest positive level."""
        self.is_signed.copy_((groups < 0).any())
        levels = max(1, self.qmax // 2) if self.is_signed else self.qmax
        count = (groups != 0).sum(dim=1).clamp(min=1)
        step = 2 * groups.abs().sum(dim=1) / count / levels**0.5
        self.log_step.data.copy_(step.clamp(min=MIN_STEP).log())

    def observe(self, groups: Tensor) -> None:
        """Nothing: the step is learned, not observed."""

    @torch.no_grad()
    def set_range(self, lo: Tensor, hi: Tensor) -> None:
        """Let the grid reach the end further from 0; its sign stays that of the first batch."""
        levels = max(1, self.qmax // 2) if self.is_signed else self.qmax
        self.log_step.copy_((torch.maximum(-lo, hi) / levels).clamp(min=MIN_STEP).log())

    @torch.no_grad()
    def scale_range(self, factor: float) -> None:
        """Multiply the step."""
        self.log_step.add_(math.log(factor))

    def torch_law(self) -> TorchLaw:
        """Return the law of the current step."""
        step = self.log_step.exp()
        is_half = bool(self.is_signed) and (self.num_bits == 1 or self.has_half_grid)
        below = self.qmax // 2 if is_half else self.qmax // 2 + 1
        zero_point = torch.full_like(step, float(below) if self.is_signed else 0.0, requires_grad=False)
        phase = torch.full_like(step, 0.5 if is_half else 0.0, requires_grad=False)
        return TorchLaw(step, zero_point, phase, self.qmax)

    def range_parameters(self) -> list[nn.Parameter]:
        """The logarithm of the step."""
        return [self.log_step]
