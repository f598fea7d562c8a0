from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch_geometric.nn import RGCNConv

from smoothbit.errors import ArgumentError
from tests.cases.layer_case import ConvCase


class TestQuantRGCNConv(ConvCase):
    kind = RGCNConv
    variants: ClassVar = {
        "mean": lambda: RGCNConv(12, 7, num_relations=3),
        "bases": lambda: RGCNConv(12, 17, num_relations=4, num_bases=2),
        "sum-no-root": lambda: RGCNConv(12, 7, num_relations=3, aggr="sum", root_weight=False),
    }
    refused: ClassVar = {
        "blocks": (lambda: RGCNConv(12, 6, 3, num_blocks=3), r"`num_blocks` of .* to be None \(got 3\)"),
        "max": (lambda: RGCNConv(12, 7, 3, aggr="max"), r"`aggr` of .* to be one of add, sum, mean \(got 'max'\)"),
        "bipartite": (lambda: RGCNConv((12, 12), 7, 3), "`in_channels` of .* to be one number"),
    }

    def arguments(self, variant, seed=0):
        x, edge_index = super().arguments("", seed)
        return x, edge_index, torch.arange(edge_index.shape[1]) % 3

    def test_relations_are_needed(self):
        _, quantized = self.converted("mean")
        with pytest.raises(ArgumentError, match="`edge_type` of QuantRGCNConv to be a tensor"):
            quantized(*self.arguments("mean")[:2])
