from __future__ import annotations

from typing import ClassVar

from torch_geometric.nn import SGConv

from tests.cases.layer_case import ConvCase


class TestQuantSGConv(ConvCase):
    kind = SGConv
    variants: ClassVar = {
        "two-steps": lambda: SGConv(12, 7, K=2),
        "weighted-cached": lambda: SGConv(12, 7, K=1, cached=True),
        "no-loops-no-bias": lambda: SGConv(12, 17, K=2, add_self_loops=False, bias=False),
    }
    refused: ClassVar = {
        "flow": (lambda: SGConv(12, 7, flow="target_to_source"), "`flow` of"),
        "lazy": (lambda: SGConv(-1, 7), "Run the model once before it is quantized"),
    }
