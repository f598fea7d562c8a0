from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch_geometric.nn import GATConv

from smoothbit.errors import UnsupportedError
from tests.cases.layer_case import ConvCase, layer_features, layer_graph


class TestQuantGATConv(ConvCase):
    kind = GATConv
    rows_apart = 1
    variants: ClassVar = {
        "heads": lambda: GATConv(12, 7, heads=3),
        "averaged": lambda: GATConv(12, 7, heads=3, concat=False, bias=False),
        "residual": lambda: GATConv(12, 7, heads=2, residual=True),
        "no-loops": lambda: GATConv(12, 7, add_self_loops=False),
    }
    refused: ClassVar = {
        "edge-features": (lambda: GATConv(12, 7, edge_dim=3), r"`edge_dim` of .* to be None \(got 3\)"),
        "bipartite": (lambda: GATConv((12, 12), 7), r"`in_channels` of .* to be one number \(got \(12, 12\)\)"),
        "lazy": (lambda: GATConv(-1, 7), "Run the model once before it is quantized"),
    }

    def test_edge_features_and_returned_weights_are_refused(self):
        _, quantized = self.converted("heads")
        x, (edge_index, weight) = layer_features(), layer_graph()
        with pytest.raises(UnsupportedError, match="Expected `edge_attr` of QuantGATConv to be None"):
            quantized(x, edge_index, weight)
        with pytest.raises(UnsupportedError, match="`return_attention_weights`"):
            quantized(x, edge_index, return_attention_weights=True)

    def test_dropout_thins_the_attention_in_training_only(self):
        _, quantized = self.converted("heads")
        quantized.dropout = 0.5
        x, (edge_index, _) = layer_features(), layer_graph()
        assert torch.equal(quantized(x, edge_index), quantized(x, edge_index))
        quantized.train()
        assert not torch.equal(quantized(x, edge_index), quantized(x, edge_index))
