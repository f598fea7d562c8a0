from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch_geometric.nn import SAGEConv

from tests.cases.layer_case import ConvCase, layer_features, layer_graph


class TestQuantSAGEConv(ConvCase):
    kind = SAGEConv
    variants: ClassVar = {
        "mean-narrow": lambda: SAGEConv(12, 7),
        "mean-wide": lambda: SAGEConv(12, 17),
        "sum-normalised": lambda: SAGEConv(12, 17, aggr="sum", normalize=True),
        "max": lambda: SAGEConv(12, 7, aggr="max"),
        "max-projected": lambda: SAGEConv(12, 7, aggr="max", project=True),
        "mean-projected": lambda: SAGEConv(12, 7, project=True, bias=False),
        "no-root": lambda: SAGEConv(12, 7, root_weight=False),
        "no-root-wide": lambda: SAGEConv(12, 17, root_weight=False),
    }
    refused: ClassVar = {
        "lstm": (lambda: SAGEConv(12, 7, aggr="lstm"), "`aggr` of .* to be one of add, sum, mean, max"),
        "aggr-list": (lambda: SAGEConv(12, 7, aggr=["mean", "max"]), r"\(got \['mean', 'max'\]\)"),
        "lazy": (lambda: SAGEConv(-1, 7), "Run the model once before it is quantized"),
    }

    @pytest.mark.parametrize("variant", ["mean-narrow", "mean-wide", "max", "mean-projected"])
    def test_receivers_apart(self, variant):
        layer, quantized = self.converted(variant)
        x, (edge_index, _) = layer_features(), layer_graph()
        edge_index[1] %= 30
        wanted, found = (module((x, x[:30]), edge_index) for module in (layer, quantized))
        assert (wanted - found).abs().max() < 0.06 * wanted.abs().max()
        torch.testing.assert_close(found, quantized(x, edge_index)[:30])
