from __future__ import annotations

from typing import ClassVar

import pytest
from torch_geometric.nn import GraphConv

from smoothbit.errors import UnsupportedError
from tests.cases.layer_case import ConvCase


class TestQuantGraphConv(ConvCase):
    kind = GraphConv
    variants: ClassVar = {
        "sum-weighted": lambda: GraphConv(12, 7),
        "mean-wide-weighted": lambda: GraphConv(12, 17, aggr="mean"),
        "mean": lambda: GraphConv(12, 7, aggr="mean", bias=False),
        "max": lambda: GraphConv(12, 7, aggr="max"),
    }
    refused: ClassVar = {"aggr": (lambda: GraphConv(12, 7, aggr="min"), r"`aggr` of .* \(got 'min'\)")}

    def test_weights_of_a_maximum_are_refused(self):
        _, quantized = self.converted("max")
        with pytest.raises(UnsupportedError, match="`edge_weight` of QuantGraphConv to be None with aggr='max'"):
            quantized(*self.arguments("sum-weighted"))
