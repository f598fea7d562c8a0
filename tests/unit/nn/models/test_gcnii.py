from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from smoothbit.errors import ArgumentError
from smoothbit.nn.models.gcnii import GCNIIConfig
from tests.cases.model_case import ModelCase


class TestGCNII(ModelCase):
    name = "gcnii"
    state_widths = (12, 12, 12)

    def dense(self, net, x, smooth):
        """Chen et al. 2020, eq. 5."""
        alpha, theta = net.config.teleport, net.config.mapping
        state = initial = (x @ net.linear1.weight + net.linear1.bias).relu()
        for layer, mapping in enumerate(net.mappings, start=1):
            beta = math.log(theta / layer + 1)
            mixed = (1 - alpha) * smooth @ state + alpha * initial
            state = ((1 - beta) * mixed + beta * mixed @ mapping.linear.weight).relu()
        return state @ net.linear2.weight + net.linear2.bias

    def test_teleport_one_does_not_propagate(self):
        net, inputs, features, graph = self.trained(teleport=1.0, steps=1)
        isolated = self.dense(net, torch.from_numpy(features.to_dense()), torch.zeros(30, 30)).detach().numpy()
        np.testing.assert_allclose(net.evaluate(inputs, graph), isolated, atol=1e-5, rtol=1e-4)

    def test_every_layer_reads_the_first_state(self):
        net, *_ = self.trained(bits=2)
        assert [op.skip for op in net.to_plan().ops if op.kind == "diffuse"] == [2, 2, 2]

    def test_deep_weights_decay_faster(self):
        net, *_ = self.trained(bits=2, decay_factor=7.0)
        (one, shallow), (factor, deep) = net.weight_groups()
        assert (one, factor, len(shallow), len(deep)) == (1.0, 7.0, 4, 3)
        assert len(shallow) + len(deep) + len(net.range_parameters()) == len(list(net.parameters()))

    def test_the_identity_is_not_quantized(self):
        """A layer whose own weights are rounded away passes on its share of the input as it is."""
        net, *_ = self.trained(bits=2, steps=1)
        mapping = net.mappings[0]
        with torch.no_grad():
            mapping.output_quantizer = torch.nn.Identity()
            x, rounded = torch.randn(30, 12), mapping.linear.weight_quantizer(mapping.linear.weight)
            expected = ((1 - mapping.strength) * x + mapping.strength * x @ rounded).relu()
            torch.testing.assert_close(mapping(x), expected)

    def test_64_layers_keep_gradients(self):
        """Initial residual and mapping near the identity: the first layer still learns."""
        net, *_ = self.trained(steps=64)
        first, last = net.linear1.weight.grad.norm(), net.linear2.weight.grad.norm()
        assert first > 1e-3 * last


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"teleport": 1.5}, r"Expected `teleport` to be in \[0, 1\] \(got 1.5\)"),
        ({"mapping": 0.0}, r"Expected `mapping` to be in \(0, e - 1\].* \(got 0.0\)"),
        ({"decay_factor": -1.0}, r"Expected `decay_factor` to be >= 0 \(got -1.0\)"),
        ({"mapping": 2.0}, r"Expected `mapping` to be in \(0, e - 1\].* \(got 2.0\)"),
    ],
)
def test_bad_fields_are_refused(fields, match):
    with pytest.raises(ArgumentError, match=match):
        GCNIIConfig(4, 2, **fields)


def test_repr_shows_the_strength_of_the_mapping():
    net, *_ = TestGCNII().trained(steps=1)
    assert "strength=0.405465" in repr(net)
