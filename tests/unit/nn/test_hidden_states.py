from __future__ import annotations

import pytest
import torch

from smoothbit.engine import PreparedGraph
from smoothbit.nn import PROPAGATIONS, TorchGraph, hidden_states
from tests.helpers import binary_features, random_graph, trained_net


@pytest.mark.parametrize("propagation", PROPAGATIONS.names())
@pytest.mark.parametrize("order", ["predict_first", "propagate_first"])
def test_states_are_those_of_a_shallower_network(propagation, order):
    """h_k is in h, not in u = D^-1/2 h: it equals the output of k steps with the same weights."""
    graph = TorchGraph(PreparedGraph(random_graph()))
    net, inputs = trained_net(graph, binary_features(), propagation=propagation, order=order, steps=4)
    states = hidden_states(net, inputs, graph)
    assert len(states) == 4
    for count in (1, 2, 3, 4):
        short = net.float_twin().eval()
        short.propagation.num_steps = count
        found = []
        short.propagation.register_forward_hook(lambda module, given, output, found=found: found.append(output))
        short.evaluate(inputs, graph)
        torch.testing.assert_close(states[count - 1], found[0].detach(), atol=1e-5, rtol=1e-5)


def test_listeners_are_gone_afterwards():
    graph = TorchGraph(PreparedGraph(random_graph()))
    net, inputs = trained_net(graph, binary_features(), bits=2)
    states = hidden_states(net, inputs, graph)
    net.evaluate(inputs, graph)
    assert len(states) == 3
    assert not any(module._forward_hooks for module in net.modules())
