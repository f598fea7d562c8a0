"""Running minimum and maximum."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MinMaxObserver(nn.Module):
    """Moving average of minimum and maximum, both clamped to include 0.

    Args:
        momentum: Weight of the newest batch; 1 keeps only the latest. The first batch sets the range.

    Shapes:
        lo, hi: [G] float32 buffers, real units of x.
    """

    lo: Tensor
    hi: Tensor

    def __init__(self, num_groups: int = 1, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("lo", torch.zeros(num_groups))
        self.register_buffer("hi", torch.zeros(num_groups))

    @torch.no_grad()
    def update(self, x: Tensor, is_first: bool) -> None:
        """Take in values grouped as [G, M]."""
        lo, hi = torch.aminmax(x, dim=1)
        weight = 1.0 if is_first else self.momentum
        self.lo.lerp_(lo.clamp(max=0), weight)
        self.hi.lerp_(hi.clamp(min=0), weight)

    def extra_repr(self) -> str:
        """Show the momentum."""
        return f"momentum={self.momentum}"
