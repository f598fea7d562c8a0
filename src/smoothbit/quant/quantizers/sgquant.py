"""SGQuant: the grid spans the data; widths are found by search."""

from __future__ import annotations

from typing import ClassVar

from smoothbit.quant.quantizers.base import QUANTIZERS
from smoothbit.quant.quantizers.min_max import MinMax


@QUANTIZERS.register("sgquant")
class SGQuant(MinMax):
    """Affine quantizer over the range of the data; `train.policies.TreeSearch` gives each stage its width.

    Reference:
        Feng et al. 2020 (arXiv 2007.05100), sections 4 and 5; methods/08. Departures: zero is exact; the
        range is a moving average of that of the whole tensor, not the mean of the ranges of its rows; weights
        are quantized too, their widths part of the search; no widths by degree.
    """

    width_policy: ClassVar[str] = "tree_search"
