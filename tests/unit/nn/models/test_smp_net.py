from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
import torch

from smoothbit.engine import PreparedGraph
from smoothbit.errors import ArgumentError
from smoothbit.nn import SMPNet, SMPNetConfig, TorchGraph, inputs_from_features
from smoothbit.quant import QuantConfig, Quantizer, calibrate
from tests.cases.model_case import ModelCase
from tests.helpers import FEATURES, random_graph, trained_net

STAGES_OF_TWO_STEPS = {
    "linear1.weight_quantizer", "linear1.output_quantizer", "linear2.weight_quantizer", "linear2.output_quantizer",
    "propagation.message", "propagation.aggregates.0", "propagation.updates.0",
    "propagation.deltas.0", "propagation.deltas.1",
    "propagation.delta_aggregates.0", "propagation.delta_aggregates.1",
}  # fmt: skip


class TestSMPNet(ModelCase):
    name = "smp_net"
    options: ClassVar[dict[str, object]] = {"propagation": "appnp"}
    state_widths = (5, 5, 5)

    def dense(self, net, x, smooth):
        """X W W', then Gasteiger et al. 2019, eq. 4; the other propagations have cases of their own."""
        state = z = (x @ net.linear1.weight + net.linear1.bias).relu() @ net.linear2.weight + net.linear2.bias
        for _ in range(net.config.num_steps):
            state = 0.9 * smooth @ state + 0.1 * z
        return state


def _graph():
    return TorchGraph(PreparedGraph(random_graph()))


def _quantizers(net):
    return {name: module for name, module in net.named_modules() if isinstance(module, Quantizer)}


def test_each_tensor_has_its_own_quantizer():
    net, _ = trained_net(_graph(), FEATURES["binary"](), bits=2, steps=2)
    assert set(_quantizers(net)) == STAGES_OF_TWO_STEPS
    assert len({id(m) for m in _quantizers(net).values()}) == len(STAGES_OF_TWO_STEPS)


def test_dense_inputs_are_quantized_too():
    net, _ = trained_net(_graph(), FEATURES["dense"](), bits=2, steps=2)
    assert set(_quantizers(net)) == STAGES_OF_TWO_STEPS | {"input_quantizer"}


@pytest.mark.parametrize("order", ["predict_first", "propagate_first"])
def test_every_quantizer_changes_the_scores(order):
    graph = _graph()
    net, inputs = trained_net(graph, FEATURES["dense"](), bits=2, steps=2, order=order)
    net.eval()
    net.propagation.multipliers.fill_(3.0)
    expected = net(inputs, graph).detach()
    for name, quantizer in _quantizers(net).items():
        keep = {k: v.clone() for k, v in quantizer.state_dict().items()}
        quantizer.log_alpha.data -= 2.0
        assert not torch.equal(net(inputs, graph), expected), f"{name} is not active"
        quantizer.load_state_dict(keep)


def test_range_parameters_are_one_for_each_quantizer():
    net, _ = trained_net(_graph(), FEATURES["binary"](), bits=2, steps=2)
    assert len(net.range_parameters()) == len(STAGES_OF_TWO_STEPS)
    assert {id(p) for p in net.range_parameters()} < {id(p) for p in net.parameters()}


def test_every_quantizer_is_shown_the_degrees(monkeypatch):
    graph, seen = _graph(), []
    net, _ = trained_net(graph, FEATURES["dense"](), bits=2, steps=2)
    monkeypatch.setattr(Quantizer, "prepare", lambda self, degrees: seen.append((self, degrees)))
    net.prepare(graph)
    assert [quantizer for quantizer, _ in seen] == net.quantizers()
    assert all(torch.equal(degrees, graph.inv_degree[:, 0].reciprocal().round()) for _, degrees in seen)


def test_average_bits_count_each_value_once():
    """Two steps of 30 nodes and 5 classes, 12 hidden channels, 20 features: sizes counted by hand."""
    quant = QuantConfig("minmax", 2, {"weights": 8, "activations": 4})
    net, _ = trained_net(_graph(), FEATURES["binary"](), bits=quant.num_bits, steps=2, propagation="gcn")
    config = replace(net.config, quant=quant)
    net = SMPNet(config)
    net(inputs_from_features(FEATURES["binary"]()), _graph())
    stages = {"weights": 8, "activations": 4, "messages": 2, "aggregates": 2, "updates": 2}
    sizes = {"weights": 20 * 12 + 12 * 5, "activations": 30 * 17, "messages": 150, "aggregates": 150, "updates": 150}
    mean = sum(stages[name] * sizes[name] for name in stages) / sum(sizes.values())
    assert net.average_bits() == pytest.approx({**stages, "all": mean})


def test_float_network_has_no_average_bits():
    assert trained_net(_graph(), FEATURES["binary"]())[0].average_bits() == {}


def test_penalty_is_that_of_all_quantizers(monkeypatch):
    net, _ = trained_net(_graph(), FEATURES["binary"](), bits=2)
    assert float(net.penalty()) == 0
    monkeypatch.setattr(Quantizer, "penalty", lambda self: torch.tensor(0.5))
    assert float(net.penalty()) == 0.5 * len(net.quantizers())


def test_hidden_layer_has_node_laws_where_no_sum_reads_it():
    graph, laws = _graph(), {}
    for order in ("predict_first", "propagate_first"):
        net, inputs = trained_net(graph, FEATURES["binary"](), bits=2, quantizer="a2q", order=order)
        net.prepare(graph)
        with calibrate(net):
            net(inputs, graph)
        laws[order] = net.linear1.output_quantizer.law().granularity
    assert laws == {"predict_first": "per_node", "propagate_first": "per_tensor"}


def test_state_dict_rebuilds_the_network():
    graph = _graph()
    net, inputs = trained_net(graph, FEATURES["dense"](), bits=2)
    twin = SMPNet(SMPNetConfig.from_json(net.config.to_json()))
    twin.load_state_dict(net.state_dict())
    net.eval(), twin.eval()
    assert torch.equal(net(inputs, graph), twin(inputs, graph))


def test_untrained_network_has_no_plan():
    with pytest.raises(ArgumentError, match=r"Train the model before exporting it"):
        SMPNet(SMPNetConfig(4, 2, quant=QuantConfig("qlr", 2))).to_plan()


def test_sparse_inputs_with_negative_values_need_two_bits():
    features = FEATURES["sparse"]()
    features.matrix.values[::2] *= -1
    net, _ = trained_net(_graph(), features, bits=1)
    with pytest.raises(ArgumentError, match=r"Expected the grid of sparse inputs to hold 0"):
        net.to_plan()
    trained_net(_graph(), features, bits=2)[0].to_plan()


def test_no_dense_adjacency_is_made(monkeypatch):
    graph, features = _graph(), FEATURES["binary"]()
    sizes = []
    original = torch.Tensor.to_dense
    monkeypatch.setattr(
        torch.Tensor, "to_dense", lambda self, *a, **k: sizes.append(self.shape) or original(self, *a, **k)
    )
    trained_net(graph, features, bits=2)[0](inputs_from_features(features), graph)
    assert sizes == []


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"order": "last"}, "Expected `order` to be one of predict_first, propagate_first"),
        ({"input_kind": "rare"}, "Expected `input_kind` to be one of binary, sparse, dense"),
        ({"dropout": 1.0}, "Expected `dropout` to be in .0, 1. .got 1.0."),
        ({"hidden_channels": 0}, "Expected `hidden_channels` to be at least 1 .got 0."),
        ({"propagation": "smq"}, "Expected propagation to be a registered name .got 'smq'.. Did you mean 'smp'"),
    ],
    ids=["order", "input-kind", "dropout", "hidden", "propagation"],
)
def test_bad_fields_are_refused(fields, match):
    with pytest.raises(ArgumentError, match=match):
        SMPNetConfig(4, 2, **fields)
