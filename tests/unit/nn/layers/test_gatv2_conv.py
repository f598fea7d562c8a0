from __future__ import annotations

from typing import ClassVar

import pytest
from torch_geometric.nn import GATv2Conv

from smoothbit.errors import UnsupportedError
from tests.cases.layer_case import ConvCase, layer_features, layer_graph


class TestQuantGATv2Conv(ConvCase):
    kind = GATv2Conv
    rows_apart = 1
    variants: ClassVar = {
        "heads": lambda: GATv2Conv(12, 7, heads=3),
        "shared-averaged": lambda: GATv2Conv(12, 7, heads=3, concat=False, share_weights=True, bias=False),
        "residual": lambda: GATv2Conv(12, 7, heads=2, residual=True, add_self_loops=False),
    }
    refused: ClassVar = {
        "edge-features": (lambda: GATv2Conv(12, 7, edge_dim=3), r"`edge_dim` of .* to be None \(got 3\)"),
        "bipartite": (lambda: GATv2Conv((12, 12), 7), "`in_channels` of .* to be one number"),
        "lazy": (lambda: GATv2Conv(-1, 7), "Run the model once before it is quantized"),
    }

    def test_returned_weights_are_refused(self):
        _, quantized = self.converted("heads")
        with pytest.raises(UnsupportedError, match="`return_attention_weights` of QuantGATv2Conv to be None"):
            quantized(layer_features(), layer_graph()[0], return_attention_weights=True)
