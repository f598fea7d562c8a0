from __future__ import annotations

from typing import ClassVar

import torch
from torch_geometric.nn import APPNP

from tests.cases.layer_case import ConvCase


class TestQuantAPPNP(ConvCase):
    kind = APPNP
    variants: ClassVar = {
        "plain": lambda: APPNP(3, 0.1),
        "weighted": lambda: APPNP(3, 0.2, cached=True),
        "no-loops": lambda: APPNP(2, 0.1, add_self_loops=False),
        "not-normalised-weighted": lambda: APPNP(2, 0.5, normalize=False),
    }
    refused: ClassVar = {"flow": (lambda: APPNP(3, 0.1, flow="target_to_source"), "`flow` of")}

    def test_dropout_thins_the_edges_in_training_only(self):
        _, quantized = self.converted("plain")
        quantized.dropout = 0.5
        arguments = self.arguments("plain")
        assert torch.equal(quantized(*arguments), quantized(*arguments))
        quantized.train()
        assert not torch.equal(quantized(*arguments), quantized(*arguments))
