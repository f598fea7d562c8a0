from __future__ import annotations

from typing import ClassVar

from torch_geometric.nn import GCN2Conv

from tests.cases.layer_case import ConvCase, layer_features


class TestQuantGCN2Conv(ConvCase):
    kind = GCN2Conv
    variants: ClassVar = {
        "shared": lambda: GCN2Conv(12, 0.1, theta=0.5, layer=1),
        "shared-weighted": lambda: GCN2Conv(12, 0.3, cached=True),
        "two-matrices": lambda: GCN2Conv(12, 0.2, theta=0.5, layer=2, shared_weights=False),
        "not-normalised-weighted": lambda: GCN2Conv(12, 0.2, theta=0.5, layer=2, normalize=False),
    }
    refused: ClassVar = {"flow": (lambda: GCN2Conv(12, 0.1, flow="target_to_source"), "`flow` of")}
    edge_position = 2

    def arguments(self, variant, seed=0):
        x, *edges = super().arguments(variant, seed)
        return (x, layer_features(seed=seed + 7), *edges)
