from __future__ import annotations

import numpy as np
import torch

from tests.cases.model_case import ModelCase


class TestGCN(ModelCase):
    name = "gcn"
    state_widths = (12, 12, 5)

    def dense(self, net, x, smooth):
        """Kipf and Welling 2017, eq. 2, with the bias inside the sum."""
        for linear in net.linears:
            x = smooth @ (
                x.relu() if linear is not net.linears[0] else x
            ) @ linear.weight + smooth @ linear.bias.expand(len(x), -1)
        return x

    def test_relu_is_between_layers_only(self):
        net, *_ = self.trained()
        assert [op.has_relu for op in net.to_plan().ops if op.kind == "diffuse"] == [True, True, False]

    def test_weights_are_drawn_as_glorot_did(self):
        net, *_ = self.trained()
        torch.manual_seed(0)
        fresh = type(net)(net.config)
        bound = (6 / (20 + 12)) ** 0.5
        assert 0.9 * bound < float(fresh.linears[0].weight.detach().abs().max()) <= bound
        assert all(not linear.bias.any() for linear in fresh.linears)

    def test_64_layers_train_at_2_bits(self):
        net, inputs, _, graph = self.trained(bits=2, steps=64)
        assert np.isfinite(net.evaluate(inputs, graph)).all()
        assert all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in net.parameters())
