"""Running minimum and maximum."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MinMaxObserver(nn.Module):
    """Moving average of minimum and maximum, both clamped to include 0.

    Args:
        momentum: Weight of the newest batch; 1 keeps only the latest. The first batch sets the range.
        margin: Share by which the range is widened. Sums of codes are multiples of one number, the ends of their
            range too: without a margin many of them may lie halfway between two levels, where rounding noise decides.

    Shapes:
        lo, hi: [G] float32 buffers, real units of x.
    """

    lo: Tensor
    hi: Tensor

    def __init__(self, num_groups: int = 1, momentum: float = 0.1, margin: float = 0.0) -> None:
        super().__init__()
        self.momentum = momentum
        self.margin = margin
        self.register_buffer("lo", torch.zeros(num_groups))
        self.register_buffer("hi", torch.zeros(num_groups))

    @torch.no_grad()
    def update(self, x: Tensor, is_first: bool) -> None:
        """Take in values grouped as [G, M]."""
        lo, hi = torch.aminmax(x, dim=1)
        weight = 1.0 if is_first else self.momentum
        self.lo.lerp_((1 + self.margin) * lo.clamp(max=0), weight)
        self.hi.lerp_((1 + self.margin) * hi.clamp(min=0), weight)

    def set_range(self, lo: Tensor, hi: Tensor) -> None:
        """Take [lo, hi], widened, for what was seen."""
        self.lo.copy_((1 + self.margin) * lo)
        self.hi.copy_((1 + self.margin) * hi)

    def extra_repr(self) -> str:
        """Show the momentum."""
        return f"momentum={self.momentum}"
