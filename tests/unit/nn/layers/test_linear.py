from __future__ import annotations

from typing import ClassVar

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from smoothbit.errors import ArgumentError
from tests.cases.layer_case import LayerCase, layer_features


class LinearCase(LayerCase):
    def arguments(self, variant, seed=0):
        return (layer_features(seed=seed),)

    def test_integers_are_refused(self):
        _, quantized = self.converted("plain")
        with pytest.raises(ArgumentError, match=r"Expected `x` of Quant\w+ to be floating point \(got torch.int64\)"):
            quantized(torch.ones(3, 12, dtype=torch.int64))


class TestQuantLinear(LinearCase):
    kind = nn.Linear
    variants: ClassVar = {"plain": lambda: nn.Linear(12, 7), "no-bias": lambda: nn.Linear(12, 7, bias=False)}
    refused: ClassVar = {"lazy": (lambda: nn.LazyLinear(7), "Expected every module to be known .*LazyLinear")}


class TestQuantPyGLinear(LinearCase):
    kind = pyg.Linear
    variants: ClassVar = {"plain": lambda: pyg.Linear(12, 7), "no-bias": lambda: pyg.Linear(12, 7, bias=False)}
    refused: ClassVar = {"lazy": (lambda: pyg.Linear(-1, 7), r"Expected `in_channels` of .* to be known \(got -1\)")}
