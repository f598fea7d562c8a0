"""In evaluation without gradients a converted layer has the engine's codes; otherwise it is fake-quantized."""

from __future__ import annotations

import copy

import pytest
import torch
import torch_geometric.nn as pyg

import smoothbit
from smoothbit.nn.layers import exact
from tests.cases.layer_case import layer_features, layer_graph


@pytest.fixture
def layer():
    torch.manual_seed(0)
    conv = pyg.GCNConv(12, 6)
    smoothbit.quantize_(conv, "int2")
    with smoothbit.calibrate(conv):
        conv(layer_features(), *layer_graph())
    return conv.eval()


@pytest.fixture
def runs(monkeypatch):
    """Count the runs of the engine."""
    counted = []
    run = exact.run_plan
    monkeypatch.setattr(exact, "run_plan", lambda *args: counted.append(1) or run(*args))
    return counted


def test_engine_evaluates_and_training_does_not(layer, runs):
    arguments = layer_features(), *layer_graph()
    fake = layer(*arguments)
    assert not runs
    with torch.no_grad():
        found = layer(*arguments)
        assert len(runs) == 1
        layer.train()(*arguments)
    assert len(runs) == 1
    # Codes may differ where a value is in the middle between two; most are not.
    assert float(((found - fake.detach()).abs() < 1e-5).float().mean()) > 0.9


@pytest.mark.parametrize("is_first", [True, False], ids=["x is x_0", "x and x_0"])
@pytest.mark.parametrize("shared", [True, False])
def test_layers_of_two_tensors_are_run(runs, tmp_path, is_first, shared):
    torch.manual_seed(0)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = pyg.Linear(12, 8), pyg.Linear(8, 5)
            self.conv = pyg.GCN2Conv(8, 0.2, theta=0.5, layer=1, shared_weights=shared)

        def forward(self, x, edge_index):
            x_0 = self.first(x).relu()
            return self.last(self.conv(x_0 if is_first else 0.5 * x_0, x_0, edge_index).relu())

    net, (edge_index, *_) = Net().eval(), layer_graph()
    smoothbit.quantize_(net, "int2")
    with smoothbit.calibrate(net):
        net(layer_features(), edge_index)
    report = smoothbit.export(net, tmp_path / "net.smoothbit", (layer_features(), edge_index))
    with torch.no_grad():
        found = net(layer_features(), edge_index)
    assert len(runs) >= 3
    assert (found.numpy() == report.scores).all()


def test_bypassed_and_calibrated_layers_are_not_run(layer, runs):
    arguments = layer_features(), *layer_graph()
    with smoothbit.bypass(layer), torch.no_grad():
        layer(*arguments)
    with smoothbit.calibrate(layer):
        layer(*arguments)
    assert not runs


def test_senders_and_receivers_apart_are_not_run(runs):
    torch.manual_seed(0)
    conv = pyg.SAGEConv(12, 6)
    smoothbit.quantize_(conv, "int8")
    x, (edges, _) = layer_features(), layer_graph()
    with smoothbit.calibrate(conv):
        conv(x, edges)
    with torch.no_grad():
        apart = conv.eval()((x, x), edges)
        assert not runs
        torch.testing.assert_close(apart, conv(x, edges), atol=1e-4, rtol=1e-4)
    assert len(runs) == 1


def test_graph_that_is_written_to_is_read_again(layer):
    x, (edges, weight) = layer_features(), layer_graph()
    with torch.no_grad():
        before = layer(x, edges, weight)
        torch.testing.assert_close(layer(x, edges, weight), before, atol=0, rtol=0)
        weight *= torch.linspace(0.1, 2, len(weight))
        changed = layer(x, edges, weight)
        torch.testing.assert_close(changed, layer(x, edges.clone(), weight.clone()), atol=0, rtol=0)
    assert not torch.equal(before, changed)


def test_signature_and_copies_stay(layer):
    assert list(exact.inspect.signature(layer.forward).parameters) == ["x", "edge_index", "edge_weight"]
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        arguments = layer_features(), *layer_graph()
        torch.testing.assert_close(twin(*arguments), layer(*arguments), atol=0, rtol=0)
