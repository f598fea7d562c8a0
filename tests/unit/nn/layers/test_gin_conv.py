from __future__ import annotations

from typing import ClassVar

import pytest
from torch import nn
from torch_geometric.nn import MLP, GINConv

from smoothbit import quantize_
from tests.cases.layer_case import ConvCase


def network(width=7):
    return nn.Sequential(nn.Linear(12, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, width))


class TestQuantGINConv(ConvCase):
    kind = GINConv
    variants: ClassVar = {
        "plain": lambda: GINConv(network()),
        "learned-eps": lambda: GINConv(network(), eps=0.3, train_eps=True),
        "max": lambda: GINConv(network(), aggr="max"),
        "mlp": lambda: GINConv(MLP([12, 9, 7])),
        "one-linear": lambda: GINConv(nn.Linear(12, 7)),
    }
    refused: ClassVar = {"function": (lambda: GINConv(lambda x: x), "`nn` of .* to be a module")}

    def emit(self, quantized, builder, x, edge_index):
        h = quantized.aggregation.emit(builder, x, edge_index, quantized.eps)
        return quantized.nn.emit(builder, h)

    def plan(self, quantized, variant):
        if variant != "one-linear":
            pytest.skip("the exporter writes the parts of a network")
        return super().plan(quantized, variant)

    def test_report_lists_the_network(self):
        report = quantize_(GINConv(network()))
        assert [(row.name, row.action) for row in report.rows] == [
            ("", "quantized"),
            ("nn.0", "quantized"),
            ("nn.1", "folded at export"),
            ("nn.2", "folded at export"),
            ("nn.3", "quantized"),
        ]
        assert report.rows[0].bits == {"messages": 8}
