from __future__ import annotations

from typing import ClassVar

from torch_geometric.nn import TransformerConv

from tests.cases.layer_case import ConvCase


class TestQuantTransformerConv(ConvCase):
    kind = TransformerConv
    rows_apart = 1
    variants: ClassVar = {
        "heads": lambda: TransformerConv(12, 7, heads=3),
        "averaged": lambda: TransformerConv(12, 7, heads=2, concat=False, bias=False),
    }
    refused: ClassVar = {
        "gate": (lambda: TransformerConv(12, 7, beta=True), r"`beta` of .* to be False \(got True\)"),
        "edge-features": (lambda: TransformerConv(12, 7, edge_dim=3), "`edge_dim` of .* to be None"),
        "lazy": (lambda: TransformerConv(-1, 7), "Run the model once before it is quantized"),
    }
