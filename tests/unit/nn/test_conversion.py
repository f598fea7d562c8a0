from __future__ import annotations

import json
from copy import deepcopy

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch.nn import functional
from torch_geometric.utils import k_hop_subgraph

import smoothbit
from smoothbit import QuantConfig, bypass, calibrate, quantize_
from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.nn.layers import QuantGCNConv, QuantLinear
from smoothbit.quant import MinMax, Quantizer
from tests.cases.layer_case import layer_features, layer_graph


class Net(nn.Module):
    """A network as PyG's examples write them."""

    def __init__(self, extra: nn.Module | None = None) -> None:
        super().__init__()
        self.conv1 = pyg.GCNConv(12, 16)
        self.conv2 = pyg.GCNConv(16, 16)
        self.norm = nn.BatchNorm1d(16)
        self.head = nn.Linear(16, 5)
        self.extra = extra

    def forward(self, x, edge_index, edge_weight=None):
        x = self.norm(self.conv1(x, edge_index, edge_weight)).relu()
        x = x + functional.dropout(self.conv2(x, edge_index, edge_weight).relu(), training=self.training)
        return self.head(x)


def calibrated(model, config="int8", **options):
    quantize_(model, config, **options)
    with calibrate(model):
        model(layer_features(), layer_graph()[0])
    return model.eval()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_short_names_are_widths_of_everything(bits):
    model = Net()
    report = quantize_(model, f"int{bits}")
    assert {row.name: row.bits for row in report.rows if row.bits} == {
        "conv1": {"inputs": bits, "weights": bits, "messages": bits},
        "conv2": {"inputs": bits, "weights": bits, "messages": bits},
        "head": {"inputs": bits, "weights": bits},
    }
    weights = [q for q in model.modules() if isinstance(q, Quantizer) and q.is_weight]
    assert {q.granularity for q in weights} == {"per_channel"}


def test_configuration_chooses_method_stages_and_granularity():
    model = Net()
    config = QuantConfig("minmax", 4, {"messages": 32, "inputs": 8}, weight_granularity="per_tensor")
    report = quantize_(model, config)
    assert report.rows[0].bits == {"inputs": 8, "weights": 4, "messages": 32}
    assert all(isinstance(q, MinMax) and q.granularity == "per_tensor" for q in quantizers(model))


def quantizers(model):
    return [module for module in model.modules() if isinstance(module, Quantizer)]


def test_first_matching_override_counts():
    model = Net()
    report = quantize_(model, "int8", overrides={"conv1": "int2", "conv*": QuantConfig(num_bits=4), "head": None})
    rows = {row.name: row for row in report.rows}
    assert rows["conv1"].bits["weights"] == 2
    assert rows["conv2"].bits["weights"] == 4
    assert (rows["head"].action, rows["head"].bits) == ("kept float", {"inputs": 32, "weights": 32})
    assert not quantizers(model.head)


def test_report_lists_every_module_with_its_reason():
    report = quantize_(Net())
    assert [(row.name, row.kind, row.action) for row in report.rows] == [
        ("conv1", "GCNConv", "quantized"),
        ("conv2", "GCNConv", "quantized"),
        ("norm", "BatchNorm1d", "folded at export"),
        ("head", "Linear", "quantized"),
    ]
    assert json.loads(json.dumps(report.to_json()))["rows"][2]["reason"] == "an affine map of channels in evaluation"
    header, rule, first, *_ = str(report).splitlines()
    assert header.split() == ["module", "class", "action", "inputs", "weights", "messages", "reason"]
    assert set(rule) == {"-", " "}
    assert first.split() == ["conv1", "GCNConv", "quantized", "8", "8", "8"]


def test_module_is_converted_in_place():
    model = Net()
    conv, optimiser = model.conv1, torch.optim.Adam(model.parameters(), lr=0.1)
    calibrated(model)
    assert model.conv1 is conv
    assert isinstance(conv, QuantGCNConv)
    assert isinstance(conv, pyg.GCNConv)
    before = conv.lin.weight.detach().clone()
    functional.cross_entropy(model.train()(layer_features(), layer_graph()[0]), torch.arange(40) % 5).backward()
    optimiser.step()
    assert not torch.equal(conv.lin.weight, before)


def test_bypassed_network_is_the_float_network():
    model = Net().eval()
    wanted = model(layer_features(), *layer_graph())
    calibrated(model, "int4")
    found = model(layer_features(), *layer_graph())
    with bypass(model):
        torch.testing.assert_close(model(layer_features(), *layer_graph()), wanted)
    assert not torch.allclose(found, wanted)
    assert torch.equal(model(layer_features(), *layer_graph()), found)


@pytest.mark.parametrize("jk", [None, "cat", "max", "last"])
@pytest.mark.parametrize("kind", [pyg.GCN, pyg.GraphSAGE, pyg.GIN, pyg.GAT])
def test_basic_gnn_family(kind, jk):
    model = kind(12, 8, 3, 5, dropout=0.5, jk=jk, norm="BatchNorm").eval()
    wanted = model(layer_features(), layer_graph()[0])
    report = quantize_(model)
    assert {row.action for row in report.rows} <= {"quantized", "folded at export", "no arithmetic"}
    with calibrate(model):
        model(layer_features(), layer_graph()[0])
    found = model(layer_features(), layer_graph()[0])
    assert (found - wanted).abs().max() < 0.1 * wanted.abs().max()


def test_pyg_sequential_and_shared_layers():
    shared = nn.Linear(16, 16)
    model = pyg.Sequential(
        "x, edge_index",
        [
            (pyg.GCNConv(12, 16), "x, edge_index -> x"),
            nn.ReLU(),
            (shared, "x -> x"),
            (shared, "x -> x"),
            (pyg.SumAggregation(), "x -> x"),
        ],
    )
    report = quantize_(model)
    assert [row.action for row in report.rows] == ["quantized", "folded at export", "quantized", "kept float"]
    assert isinstance(shared, QuantLinear)


def test_batch_of_nodes_with_their_neighbours():
    """What NeighborLoader gives with all neighbours of two hops."""
    model = calibrated(pyg.GraphSAGE(12, 8, 2, 5))
    x, (edge_index, _) = layer_features(), layer_graph(num_edges=60)
    seeds = torch.arange(8)
    nodes, edges, place, _ = k_hop_subgraph(seeds, 2, edge_index, relabel_nodes=True, num_nodes=len(x))
    assert len(nodes) < len(x)
    torch.testing.assert_close(model(x[nodes], edges)[place], model(x, edge_index)[seeds])


def test_state_dict_round_trip_needs_no_calibration():
    model = calibrated(Net(), "int4")
    twin = Net().eval()
    quantize_(twin, "int4")
    twin.load_state_dict(model.state_dict())
    arguments = (layer_features(), layer_graph()[0])
    assert torch.equal(twin(*arguments), model(*arguments))
    assert torch.equal(deepcopy(model)(*arguments), model(*arguments))


def test_every_buffer_follows_the_network():
    model = calibrated(Net())
    model.to("meta")
    assert all(tensor.device.type == "meta" for tensor in (*model.parameters(), *model.buffers()))
    half = Net().double()
    quantize_(half)
    assert all(q.is_initialised.device.type == "cpu" for q in quantizers(half))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (nn.LSTM(3, 3), r"got 'extra' \(LSTM\)"),
        (nn.Embedding(3, 3), r"got 'extra' \(Embedding\)"),
        (pyg.GINEConv(nn.Linear(3, 3)), r"got 'extra' \(GINEConv\)"),
        (pyg.PairNorm(), r"got 'extra' \(PairNorm\)"),
        (pyg.HeteroConv({("a", "to", "a"): pyg.GCNConv(3, 3)}), r"got 'extra' \(HeteroConv\)"),
        (pyg.JumpingKnowledge("lstm", 4, 2), r"`mode` of 'extra' \(JumpingKnowledge\) to be cat or max"),
    ],
    ids=["lstm", "embedding", "gine", "pair-norm", "hetero", "jk-lstm"],
)
def test_unknown_modules_are_refused_and_nothing_is_changed(extra, message):
    model = Net(extra)
    with pytest.raises(UnsupportedError, match=message):
        quantize_(model)
    assert type(model.conv1) is pyg.GCNConv


def test_message_lists_what_is_known():
    with pytest.raises(UnsupportedError, match=r"Known layers: .*GATConv, .*RGCNConv.*allow_float=\['extra'\]"):
        quantize_(Net(nn.LSTM(3, 3)))


class Gate(nn.Module):
    """A user's module with arithmetic of its own."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(3))


class OwnConv(pyg.GCNConv):
    """A user's layer that may compute anything."""


@pytest.mark.parametrize("extra", [Gate(), OwnConv(3, 3)], ids=["parameters", "subclass"])
def test_users_own_arithmetic_is_refused_unless_allowed(extra):
    with pytest.raises(UnsupportedError, match=r"Expected every module to be known \(got 'extra'"):
        quantize_(Net(extra))
    for allowed in ("extra", "ext*", type(extra)):
        report = quantize_(Net(deepcopy(extra)), allow_float=[allowed])
        assert report.rows[-1].action == "kept float"
        assert report.rows[-1].reason == "named in allow_float"


def test_known_layers_may_stay_float():
    report = quantize_(Net(pyg.GINConv(nn.Linear(3, 3))), allow_float=["head", pyg.GINConv])
    rows = {row.name: row for row in report.rows}
    for name in ("head", "extra", "extra.nn"):
        assert (rows[name].action, rows[name].reason) == ("kept float", "named in allow_float")
        assert set(rows[name].bits.values()) == {32}


@pytest.mark.parametrize("options", [{"allow_float": ["extra"]}, {"overrides": {"extra": None}}])
def test_unknown_options_may_stay_float(options):
    model = Net(pyg.GCNConv(3, 3, improved=True))
    report = quantize_(model, **options)
    assert report.rows[-1].action == "kept float"
    assert report.rows[-1].reason.endswith("not for the engine")
    assert type(model.extra) is pyg.GCNConv


def test_wrong_calls_are_refused():
    with pytest.raises(ArgumentError, match=r"each pattern of `overrides` to match .* \(got 'konv1'\).*'conv1'"):
        quantize_(Net(), overrides={"konv1": None})
    with pytest.raises(ArgumentError, match=r"each pattern of `allow_float` to match"):
        quantize_(Net(), allow_float=["nothing"])
    with pytest.raises(ArgumentError, match=r"`config` to be a known width \(got 'int3'\). Use int8, int4"):
        quantize_(Net(), "int3")
    with pytest.raises(UnsupportedError, match=r"`quantizer` to need nothing but the tensor \(got 'degree_quant'"):
        quantize_(Net(), QuantConfig("degree_quant", 4))
    with pytest.raises(UnsupportedError, match=r"to have a layer to quantize \(got Sequential with none\)"):
        quantize_(nn.Sequential(nn.ReLU()))
    with pytest.raises(UnsupportedError, match="to have a layer to quantize"):
        quantize_(Net(), overrides={"*": None})
    model = Net()
    quantize_(model)
    with pytest.raises(ArgumentError, match=r"to be a network in float32 \(got Net with quantized layers\)"):
        quantize_(model)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the tracer itself
@pytest.mark.parametrize("kind", [pyg.GCN, pyg.GAT])
def test_compiled_network_is_the_network(kind):
    model = calibrated(kind(12, 8, 2, 5))
    arguments = (layer_features(), layer_graph()[0])
    wanted = model(*arguments)
    torch.compiler.reset()
    compiled = torch.compile(model, backend="eager")  # what is traced is checked, not what a backend makes of it
    torch.testing.assert_close(compiled(*arguments), wanted)
    model.train()
    compiled(*arguments).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_uncalibrated_network_says_what_to_do():
    model = Net().eval()
    quantize_(model)
    with pytest.raises(ArgumentError, match="Run one forward pass inside `calibrate`"):
        model(layer_features(), layer_graph()[0])


def test_public_names_are_loaded_when_asked_for():
    assert {"quantize_", "calibrate", "bypass", "QuantConfig"} <= set(dir(smoothbit))
    with pytest.raises(AttributeError, match="module 'smoothbit' has no attribute 'quantise'"):
        smoothbit.quantise  # noqa: B018
