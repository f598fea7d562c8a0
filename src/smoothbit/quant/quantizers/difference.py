"""Quantizer of a difference: its step is a power of two times that of the first message."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from smoothbit.numerics.qtype import QTYPES
from smoothbit.quant.functional import TorchLaw, dequantize, quantize
from smoothbit.quant.quantizers.base import Quantizer

NUM_CANDIDATES = 40
"""Steps tried at the start, evenly spaced up to the one that reaches the largest value."""

MAX_HALVINGS = 6
"""Steps are at most this many halvings below the first one."""

MAX_SUM = (1 << 15) - 1
"""What a sum of K differences must fit into: int16, in halves of the finest step."""


class DifferenceQuantizer(Quantizer):
    """Symmetric quantizer without a level at 0, whose step is 2^-r times the step of `base`.

    Integer sums of such codes stay exact over layers, because all steps are whole multiples of the
    finest one. r is learned as a real number and rounded straight-through.

    Args:
        num_bits: 1, 2, 4 or 8.
        base: Quantizer of the first message, or None when this one is it.
        num_steps: K, how many differences are summed.

    Shapes:
        log_step: [1] float32, natural logarithm of the step before rounding.

    Reference:
        DESIGN 2.5. Departure from LSQ, whose gradient the step has: the starting step has the least
        mean square error.
    """

    def __init__(self, num_bits: int, base: DifferenceQuantizer | None, num_steps: int) -> None:
        super().__init__(num_bits, stage="messages" if base is None else "updates")
        self._base = (base,)  # in a tuple: the base is a module of its own elsewhere
        self.max_halvings = max_halvings(num_bits, num_steps)
        self.log_step = nn.Parameter(torch.zeros(1))

    def initialise(self, groups: Tensor) -> None:
        """Set the step to the candidate with the least mean square error."""
        reach = groups.abs().max().clamp(min=1e-8) / (self.qmax / 2)
        best = torch.full((), torch.inf, device=groups.device)
        for index in range(1, NUM_CANDIDATES + 1):
            step = (reach * index / NUM_CANDIDATES).reshape(1)
            law = self._law(step)
            error = (groups - dequantize(quantize(groups, law), law)).square().mean()
            if error < best:
                best = error
                self.log_step.data.copy_(step.log())

    def observe(self, groups: Tensor) -> None:
        """Nothing: the step is learned, not observed."""

    def torch_law(self) -> TorchLaw:
        """Return the law of the current step, an exact power of two times the base's."""
        (base,) = self._base
        if base is None:
            return self._law(self.log_step.exp())
        real = ((self.log_step - base.log_step) / math.log(2)).clamp(-self.max_halvings, 0)
        step = torch.ldexp(base.log_step.detach().exp(), real.detach().round().int())
        # The factor is 1; it carries the straight-through gradient of log(step).
        return self._law(step * (1.0 + (real - real.detach()) * math.log(2)))

    def range_parameters(self) -> list[nn.Parameter]:
        """The logarithm of the step."""
        return [self.log_step]

    def _law(self, step: Tensor) -> TorchLaw:
        below = torch.full_like(step, float(self.qmax // 2), requires_grad=False)
        return TorchLaw(step, below, torch.full_like(step, 0.5, requires_grad=False), self.qmax)


def max_halvings(num_bits: int, num_steps: int) -> int:
    """Return the largest ratio of steps, in halvings, with which K differences fit MAX_SUM."""
    return min(MAX_HALVINGS, int(math.log2(MAX_SUM / (num_steps * QTYPES[num_bits].qmax))))
