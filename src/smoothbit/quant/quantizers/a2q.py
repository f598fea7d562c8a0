"""A2Q: a step and a width for each node, learned from the node's own error under a budget of bits."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from smoothbit.numerics.qtype import QTYPES
from smoothbit.quant.functional import TorchLaw
from smoothbit.quant.quantizers.base import QUANTIZERS, Quantizer
from smoothbit.quant.quantizers.lsq import LSQ, MIN_STEP

MAX_BITS = 8
NUM_CANDIDATES = 20
"""Starting steps tried for each node, evenly spaced up to the one that reaches its largest value."""
RATE = 16.0
"""Units of log step and of width per unit of parameter: Adam moves a parameter by its rate, 0.003 by
default for ranges, so a step by 5% and a width by a twentieth of a bit."""
BUDGET_WEIGHT = 10.0
"""Weight of the squared distance to the budget; the error pulls with less than 1 per node and bit, so the
distance ends below a tenth of a bit."""


@QUANTIZERS.register("a2q")
class A2Q(LSQ):
    """One step and one width for each node where no neighbours are added up; elsewhere one learned step.

    Node-wise tensors are non-negative (after a ReLU): codes of node i run from 0 to 2^(B_i) - 1. They are
    stored in the upper codes of the smallest width that holds all nodes. Steps and widths follow the
    node's own error and the budget, not the task: most nodes are far from any label.

    Shapes:
        node_step: [N] float32, logarithm of the step, over `RATE`; [0] before `prepare`.
        node_bits: [N] float32, width above the budget, over `RATE`; likewise.

    Reference:
        Zhu et al. 2023 (arXiv 2302.00193), eq. 2 to 9; methods/02. Departures: log(step) is learned;
        it starts at the best of 20; halves round to even; B >= 1 counts stored bits, the paper's
        b - 1 without a sign; the error is relative to the mean of the tensor, the penalty two-sided and on the
        mean width, so that neither depends on the size of the graph; signed tensors have the one level more
        of `LSQ`; weights have the granularity of the configuration.
    """

    granularities: ClassVar[tuple[str, ...]] = (*LSQ.granularities, "per_node")

    # The grid is more than a step.
    set_range = Quantizer.set_range
    scale_range = Quantizer.scale_range

    def __init__(self, num_bits: int, *, granularity: str = "per_tensor", **options: object) -> None:
        self._may_be_node_wise = granularity == "per_node"
        super().__init__(num_bits, granularity="per_tensor" if self._may_be_node_wise else granularity, **options)
        self.node_step = nn.Parameter(torch.zeros(0))
        self.node_bits = nn.Parameter(torch.zeros(0))
        self._seen: Tensor | None = None

    def prepare(self, degrees: Tensor) -> None:
        """Make the parameters of each node."""
        if self._may_be_node_wise:
            self.granularity, self.num_groups = "per_node", len(degrees)
            self.node_step = nn.Parameter(torch.zeros(len(degrees)))
            self.node_bits = nn.Parameter(torch.zeros(len(degrees)))

    @property
    def is_node_wise(self) -> bool:
        """Whether each node has a law of its own."""
        return len(self.node_step) > 0

    @property
    def widths(self) -> Tensor:
        """Rounded width of each node [N], within 1 and 8."""
        return (self.num_bits + RATE * self.node_bits.detach()).round().clamp(1, MAX_BITS)

    @property
    def avg_bits(self) -> float:
        """Mean width over the nodes, without the step that each of them stores."""
        return float(self.widths.mean()) if self.is_node_wise else super().avg_bits

    def initialise(self, groups: Tensor) -> None:
        """Set each step to the candidate with the least mean |x - x^|."""
        if not self.is_node_wise:
            super().initialise(groups)
            return
        levels = 2**self.widths - 1
        largest = groups.amax(dim=1)
        largest = torch.where(largest > 0, largest, largest.mean()).clamp(min=MIN_STEP)
        least = torch.full_like(largest, torch.inf)
        for index in range(1, NUM_CANDIDATES + 1):
            step = largest * (index / NUM_CANDIDATES) / levels
            codes = torch.minimum((groups / step[:, None]).round(), levels[:, None])
            error = (groups - step[:, None] * codes).abs().mean(dim=1)
            self.node_step.data = torch.where(error < least, step.log() / RATE, self.node_step.data)
            least = torch.minimum(error, least)

    def forward(self, x: Tensor) -> Tensor:
        """Return x^ of the shape of `x`; node-wise steps get no gradient from it."""
        if self.training and self.is_node_wise:
            self._seen = x.detach()
        return super().forward(x)

    def torch_law(self) -> TorchLaw:
        """Return the law of the current step, or of the current step and width of each node."""
        if not self.is_node_wise:
            return super().torch_law()
        widths = self.widths
        qmax = min(qtype.qmax for qtype in QTYPES.values() if 2 ** widths.max() - 1 <= qtype.qmax)
        step = (RATE * self.node_step.detach()).exp()[:, None]
        return TorchLaw(step, torch.zeros_like(step), qmax + 1 - 2 ** widths[:, None], qmax)

    def penalty(self) -> Tensor:
        """Return the errors E_i in the latest pass, and the squared distance of the mean width to the budget."""
        if not self.is_node_wise or self._seen is None:
            return super().penalty()
        error = self.node_errors(self._seen).sum() / self._seen.mean().clamp(min=MIN_STEP)
        excess = (self.num_bits + RATE * self.node_bits).clamp(1, MAX_BITS).mean() - self.num_bits
        return error + BUDGET_WEIGHT * self.num_groups * excess**2

    def node_errors(self, x: Tensor) -> Tensor:
        """Return E_i = mean |x^ - x| of each node [N], with gradients to steps and widths.

        The derivative of x^ in range is q - x/s to the step; above it 2^B - 1 to the step and
        s 2^B ln 2 to the width.
        """
        step, bits = (RATE * self.node_step).exp()[:, None], self._soft_widths()[:, None]
        levels = 2 ** self.widths[:, None] - 1
        ratio = (x / step).detach()
        inside = x + step * (ratio.round() - ratio)
        above = step * (levels + 2 ** self.widths[:, None] * math.log(2) * (bits - bits.detach()))
        return (torch.where(ratio > levels, above, inside) - x).abs().mean(dim=1)

    def range_parameters(self) -> list[nn.Parameter]:
        """The logarithm of the step, or steps and widths of the nodes."""
        return [self.node_step, self.node_bits] if self.is_node_wise else super().range_parameters()

    def _soft_widths(self) -> Tensor:
        """Return the rounded widths with the gradient of the real ones."""
        real = self.num_bits + RATE * self.node_bits
        return real + (real.round() - real).detach()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        stored = state_dict.get(f"{prefix}node_step")
        if stored is not None and len(stored) != len(self.node_step):
            self.prepare(stored)
        super()._load_from_state_dict(state_dict, prefix, *args)
