import pytest
import torch

from smoothbit.engine import PreparedGraph
from smoothbit.nn import TorchGraph, hidden_states
from tests.helpers import binary_features, dense_normalised, random_graph, trained_net


@pytest.mark.parametrize("propagation", ["smp", "appnp", "elastic", "gcn"])
@pytest.mark.parametrize("order", ["predict_first", "propagate_first"])
@pytest.mark.parametrize("bits", [32, 2])
def test_last_state_of_k_steps(propagation: str, order: str, bits: int) -> None:
    graph = TorchGraph(PreparedGraph(random_graph()))
    net, inputs = trained_net(graph, binary_features(), bits=bits, propagation=propagation, order=order, steps=4)
    states = hidden_states(net, inputs, graph)
    assert len(states) == 4
    assert net.training
    net.eval()
    scores = torch.from_numpy(net.evaluate(inputs, graph))
    last = states[-1] if order == "predict_first" else net.linear2(states[-1])
    assert torch.equal(last, scores)


def test_states_are_h_and_not_u() -> None:
    graph = TorchGraph(PreparedGraph(random_graph()))
    net, inputs = trained_net(graph, binary_features(), propagation="gcn", steps=3)
    first, second, third = hidden_states(net, inputs, graph)
    normalised = dense_normalised(graph)
    # Products of 30 terms in float32.
    torch.testing.assert_close(second, normalised @ first, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(third, normalised @ second, rtol=1e-5, atol=1e-6)
