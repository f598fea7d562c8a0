"""Degree-Quant: nodes of high degree often run unquantized in training; ranges are percentiles."""

from __future__ import annotations

import torch
from torch import Tensor

from smoothbit.quant.quantizers.base import QUANTIZERS, Quantizer
from smoothbit.quant.quantizers.min_max import MinMax

MAX_SORTED_VALUES = 1 << 15
"""Values of a group that are sorted, evenly spaced: a tail of 0.1% then still holds 32 of them."""


class DegreeProtected(Quantizer):
    """Mixin that lets random rows bypass any quantizer in training, the more often the higher their degree.

    In front of another quantizer class it adds protection to that method. Each pass in training draws
    a mask of its own; evaluation quantizes every row. Weights, and tensors without a row for each node,
    are never protected; nor is anything before `prepare`.

    Args:
        min_protection: p_min, probability below the lowest degree.
        max_protection: p_max, probability of the highest degree.

    Shapes:
        protection: [N] float32, probability of each node.
    """

    def __init__(
        self, num_bits: int, *, min_protection: float = 0.0, max_protection: float = 0.2, **options: object
    ) -> None:
        super().__init__(num_bits, **options)  # type: ignore[arg-type]
        self.min_protection = min_protection
        self.max_protection = max_protection
        self.register_buffer("protection", torch.zeros(0), persistent=False)

    protection: Tensor

    def prepare(self, degrees: Tensor) -> None:
        """Set p_i = p_min + (p_max - p_min) F(deg_i), F the share of nodes of at most that degree."""
        rank = torch.searchsorted(degrees.sort().values, degrees, right=True) / len(degrees)
        self.protection = self.min_protection + (self.max_protection - self.min_protection) * rank

    def forward(self, x: Tensor) -> Tensor:
        """Return x^, or x in the rows that are protected in this pass."""
        quantized = super().forward(x)
        if not self.training or not self._has_node_rows(x):
            return quantized
        return torch.where(self.protection_mask()[:, None], x, quantized)

    def protection_mask(self) -> Tensor:
        """Draw a mask [N], bool."""
        return torch.rand(self.protection.shape, device=self.protection.device) < self.protection

    def _observe(self, x: Tensor) -> None:
        seen = x[~self.protection_mask()] if self._has_node_rows(x) else x
        # Where every node is protected the range stays as it is, but the first batch must set it.
        if len(seen) > 0 or not self.is_initialised:
            super()._observe(seen if len(seen) > 0 else x)

    def _has_node_rows(self, x: Tensor) -> bool:
        return not self.is_weight and x.dim() == 2 and len(x) == len(self.protection)


@QUANTIZERS.register("degree_quant")
class DegreeQuant(DegreeProtected, MinMax):
    """Affine quantizer over moving averages of two percentiles, with protected rows in training.

    Args:
        tail: Share of the values beyond each end of the range.
        momentum: Weight of the newest batch in the moving average (weights: 1).

    Reference:
        Tailor et al. 2021 (arXiv 2008.05000), section 3; methods/12. Departures: momentum 0.05, because
        ranges start from data and follow 150 epochs; percentiles of at most 32,768 values; the gradient
        is zero outside the range, not at the extreme codes; the range of sparse inputs is that of their
        stored entries.
    """

    def __init__(self, num_bits: int, *, tail: float = 0.001, momentum: float = 0.05, **options: object) -> None:
        super().__init__(num_bits, momentum=momentum, **options)  # type: ignore[arg-type]
        self.tail = tail

    def observe(self, groups: Tensor) -> None:
        """Move the range towards the percentiles of the batch."""
        sample = groups[:, :: max(1, groups.shape[1] // MAX_SORTED_VALUES)]
        ends = torch.quantile(sample, torch.tensor([self.tail, 1.0 - self.tail], device=groups.device), dim=1)
        super().observe(ends.t())
