from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch_geometric.nn import ChebConv
from torch_geometric.utils import remove_self_loops, to_undirected

from smoothbit.errors import ArgumentError, UnsupportedError
from tests.cases.layer_case import ConvCase, layer_features, layer_graph


class TestQuantChebConv(ConvCase):
    kind = ChebConv
    variants: ClassVar = {
        "one": lambda: ChebConv(12, 7, K=1),
        "two": lambda: ChebConv(12, 7, K=2),
        "three-weighted": lambda: ChebConv(12, 7, K=3),
        "four-no-bias": lambda: ChebConv(12, 17, K=4, bias=False),
        "three-given-largest": lambda: ChebConv(12, 7, K=3),
    }
    refused: ClassVar = {
        "row-normalised": (lambda: ChebConv(12, 7, K=2, normalization="rw"), r"`normalization` of .* \(got 'rw'\)"),
        "lazy": (lambda: ChebConv(-1, 7, K=2), "Run the model once before it is quantized"),
    }

    sizes = (1, 5)  # PyG itself has no Laplacian of no nodes

    def arguments(self, variant, seed=0):
        edge_index, weight = remove_self_loops(*layer_graph(seed=seed))
        edge_index, weight = to_undirected(edge_index, weight)
        arguments = (layer_features(seed=seed), edge_index)
        if "given" in variant:
            return (*arguments, None, None, torch.tensor(1.6))
        return (*arguments, weight) if "weighted" in variant else arguments

    def test_graphs_with_another_laplacian_are_refused(self):
        _, quantized = self.converted("two")
        x, (edge_index, _) = layer_features(), layer_graph()
        with pytest.raises(ArgumentError, match="every node of QuantChebConv to send what it receives"):
            quantized(x, edge_index)
        loops = torch.arange(5).expand(2, 5)
        with pytest.raises(ArgumentError, match="to have no self-loops"):
            quantized(x, loops)
        x, edge_index, weight = self.arguments("three-weighted")
        weight = torch.where(weight == weight.min(), -0.01, weight)
        with pytest.raises(ArgumentError, match="`lambda_max` of QuantChebConv to be given"):
            quantized(x, edge_index, weight)
        with pytest.raises(UnsupportedError, match=r"`lambda_max` of QuantChebConv to be one number \(got \[2\]\)"):
            quantized(x, edge_index, lambda_max=torch.ones(2))
