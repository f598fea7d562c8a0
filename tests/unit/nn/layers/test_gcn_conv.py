from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch_geometric.nn import GCNConv

from smoothbit import bypass
from smoothbit.errors import ArgumentError
from tests.cases.layer_case import ConvCase, layer_features, layer_graph


class TestQuantGCNConv(ConvCase):
    kind = GCNConv
    variants: ClassVar = {
        "plain": lambda: GCNConv(12, 7),
        "weighted": lambda: GCNConv(12, 7),
        "cached": lambda: GCNConv(12, 17, cached=True, bias=False),
        "no-loops-weighted": lambda: GCNConv(12, 7, add_self_loops=False),
        "not-normalised-weighted": lambda: GCNConv(12, 7, normalize=False),
    }
    refused: ClassVar = {
        "improved": (lambda: GCNConv(12, 7, improved=True), r"`improved` of '' \(GCNConv\) to be False \(got True\)"),
        "flow": (lambda: GCNConv(12, 7, flow="target_to_source"), "`flow` of .* to be source_to_target"),
        "aggr": (lambda: GCNConv(12, 7, aggr="max"), r"`aggr` of .* to be one of add, sum \(got 'max'\)"),
        "aggr-list": (lambda: GCNConv(12, 7, aggr=["sum", "max"]), r"`aggr` of .* \(got \['sum', 'max'\]\)"),
        "decomposed": (lambda: GCNConv(12, 7, decomposed_layers=2), "`decomposed_layers` of .* to be 1"),
        "lazy": (lambda: GCNConv(-1, 7), "`in_channels` of .* to be known .* Run the model once"),
    }

    def test_negative_weights(self):
        x, (edge_index, weight) = layer_features(), layer_graph()
        _, normalised = self.converted("no-loops-weighted")
        with pytest.raises(ArgumentError, match="`edge_weight` to have sums >= 0 at every node"):
            normalised(x, edge_index, weight - 1)
        layer, quantized = self.converted("not-normalised-weighted")
        error = (quantized(x, edge_index, weight - 0.5) - layer(x, edge_index, weight - 0.5)).abs().max()
        assert error < 0.05 * layer(x, edge_index, weight - 0.5).abs().max()

    def test_weights_of_other_kinds(self):
        layer, quantized = self.converted("weighted")
        x, (edge_index, weight) = layer_features(), layer_graph()
        wanted = quantized(x, edge_index, weight)
        torch.testing.assert_close(quantized(x, edge_index, weight[:, None]), wanted)
        torch.testing.assert_close(quantized(x, edge_index, weight.double()), wanted)
        whole = (5 * weight).long()
        with bypass(quantized):
            torch.testing.assert_close(quantized(x, edge_index, whole), layer(x, edge_index, whole.float()))
        with pytest.raises(ArgumentError, match=r"`edge_weight` of QuantGCNConv to be \[200\] \(got \[200, 2\]\)"):
            quantized(x, edge_index, torch.ones(200, 2))

    def test_edge_weights_learn(self):
        _, quantized = self.converted("not-normalised-weighted")
        x, (edge_index, weight) = layer_features(), layer_graph()
        weight.requires_grad_()
        quantized(x, edge_index, weight).square().sum().backward()
        assert torch.isfinite(weight.grad).all()
        assert (weight.grad != 0).all()
