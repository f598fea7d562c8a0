from __future__ import annotations

import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg
from torch_geometric.data import Data

import smoothbit
from smoothbit.engine import PreparedGraph, load
from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.formats.schema import LinearOp
from smoothbit.numerics.features import Features

NUM_NODES = 40


def graph(seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(NUM_NODES, 30, generator=generator) < 0.1).float()
    x = x / x.sum(dim=1, keepdim=True).clamp(min=1)
    return x, torch.randint(0, NUM_NODES - 2, (2, 120), generator=generator)


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = pyg.GCN(30, 8, 2, 5).eval()
    smoothbit.quantize_(network, "int2")
    with smoothbit.calibrate(network):
        network(*graph())
    return network


def test_file_runs_on_other_graphs_as_the_network_does(model, tmp_path):
    path = tmp_path / "gcn.smoothbit"
    exported = smoothbit.export(model, path, graph(), dataset="made", split="none", training={"seed": 3})
    assert exported.num_bytes == path.stat().st_size
    assert exported.verification.passed
    assert exported.label_agreement == 1.0
    packed = load(path)
    assert packed.info.dataset == "made"
    assert (packed.info.quantizer, packed.info.num_bits, packed.info.num_classes) == ("qlr", 2, 5)
    assert packed.info.propagation == "GCNConv"
    assert packed.info.training == {"seed": 3}
    x, edges = graph(seed=1)
    result = packed.run(PreparedGraph.from_edge_index(edges.numpy(), NUM_NODES), packed.features(x.numpy()))
    with torch.no_grad():
        np.testing.assert_allclose(result.scores, model(x, edges).numpy(), atol=1e-6)


def test_row_normalised_features_are_one_bit(model, tmp_path):
    exported = smoothbit.export(model, tmp_path / "gcn.smoothbit", graph())
    assert exported.packed.plan.ops[0].law.num_bits == 1
    x, edges = graph()
    dense = Features(x.numpy())
    with pytest.raises(ArgumentError, match=r"`features` to be rows of zeros and one number.*model.features"):
        exported.model.run(PreparedGraph.from_edge_index(edges.numpy(), NUM_NODES), dense)


def test_data_is_an_example(model, tmp_path):
    x, edges = graph()
    assert smoothbit.export(model, tmp_path / "m.smoothbit", Data(x=x, edge_index=edges)).verification.passed


def test_features_stay_dense_where_something_else_than_a_layer_reads_them(tmp_path):
    torch.manual_seed(0)
    network = pyg.GraphSAGE(30, 64, 1, 64, aggr="max").eval()
    smoothbit.quantize_(network, "int8")
    with smoothbit.calibrate(network):
        network(*graph())
    exported = smoothbit.export(network, tmp_path / "sage.smoothbit", graph())
    assert exported.verification.passed
    assert not exported.model.features(graph()[0].numpy()).is_sparse


def test_file_is_verified_against_the_network_as_it_is(model, tmp_path):
    path = tmp_path / "gcn.smoothbit"
    exported = smoothbit.export(model, path, graph())
    assert smoothbit.verify(model, path, graph()) == exported.verification
    assert smoothbit.verify(model, path, graph(seed=1)).passed
    with torch.no_grad():
        model.convs[0].lin.weight.neg_()
    trained_on = smoothbit.verify(model, path, graph())
    assert not trained_on.passed
    assert trained_on.first_difference is not None


def test_file_of_a_network_with_other_classes_is_refused(model, tmp_path):
    path = tmp_path / "gcn.smoothbit"
    smoothbit.export(model, path, graph())
    other = pyg.GCN(30, 8, 2, 4).eval()
    smoothbit.quantize_(other, "int2")
    with smoothbit.calibrate(other):
        other(*graph())
    with pytest.raises(ArgumentError, match=r"the 4 classes of GCN \(got 5\)"):
        smoothbit.verify(other, path, graph())


def test_file_of_a_network_with_other_features_is_refused(model, tmp_path):
    path = tmp_path / "gcn.smoothbit"
    smoothbit.export(model, path, graph())
    other = pyg.GCN(20, 8, 2, 5).eval()
    smoothbit.quantize_(other, "int2")
    x, edges = graph()
    with smoothbit.calibrate(other):
        other(x[:, :20], edges)
    with pytest.raises(ArgumentError):
        smoothbit.verify(other, path, (x[:, :20], edges))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_sums_of_different_sizes_keep_a_factor_for_each_row(tmp_path, bits):
    torch.manual_seed(0)
    network = pyg.GIN(30, 16, 2, 5).eval()
    generator = torch.Generator().manual_seed(1)
    sources = torch.arange(400) * NUM_NODES // 400
    targets = (torch.rand(400, generator=generator) ** 6 * NUM_NODES).long()  # degrees from 0 to about 200
    x, edges = torch.rand(NUM_NODES, 30, generator=generator), torch.stack([sources, targets])
    smoothbit.quantize_(network, f"int{bits}")
    with smoothbit.calibrate(network, "mse"):
        network(x, edges)
    exported = smoothbit.export(network, tmp_path / "gin.smoothbit", (x, edges))
    assert any(isinstance(op, LinearOp) and op.rows is not None for op in exported.packed.plan.ops)
    assert exported.verification.passed
    assert exported.verification.fake_quantize_label_agreement == 1
    restored = pyg.GIN(30, 16, 2, 5).eval()
    smoothbit.quantize_(restored, f"int{bits}")
    restored.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert torch.equal(restored(x, edges), network(x, edges))
    fake = network(x, edges).detach()  # with gradients: as it trains
    assert (fake.argmax(1).numpy() == exported.scores.argmax(1)).mean() > 0.9


def test_float_network_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UnsupportedError, match=r"GCN to have quantized layers \(got none\)"):
        smoothbit.export(pyg.GCN(30, 8, 2, 5), tmp_path / "m.smoothbit", graph())
    assert not list(tmp_path.iterdir())


def test_network_that_saw_nothing_is_refused(tmp_path):
    network = pyg.GCN(30, 8, 2, 5)
    smoothbit.quantize_(network)
    with pytest.raises(ArgumentError, match="the quantizer to have seen a batch"):
        smoothbit.export(network, tmp_path / "m.smoothbit", graph())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    ["empty graph", "isolated node", "directed", "loops", "duplicates", "one node"],
)
def test_any_graph_is_run_as_the_float_network_sees_it(change, tmp_path):
    x, edges = graph()
    edges = {
        "empty graph": edges[:, :0],
        "isolated node": edges[:, (edges != 5).all(dim=0)],
        "directed": edges[:, edges[0] < edges[1]],
        "loops": torch.cat([edges, torch.arange(10).repeat(2, 1), torch.arange(5).repeat(2, 1)], dim=1),
        "duplicates": edges.repeat(1, 2),
        "one node": edges[:, :0],
    }[change]
    x = x[:1] if change == "one node" else x
    torch.manual_seed(0)
    network = pyg.GAT(30, 8, 2, 5, heads=2).eval()
    with torch.no_grad():
        wanted = network(x, edges)
    smoothbit.quantize_(network, "int8")
    with smoothbit.calibrate(network):
        network(x, edges)
    exported = smoothbit.export(network, tmp_path / "m.smoothbit", (x, edges))
    assert exported.verification.passed
    close = 0.05 * float(wanted.abs().max())  # 8 bits in a handful of tensors
    np.testing.assert_allclose(exported.scores, wanted.numpy(), atol=close)


def test_weights_of_another_dtype_are_those_of_the_layer(model, tmp_path):
    x, edges = graph()
    weight = torch.linspace(0.5, 1.5, edges.shape[1])
    exported = smoothbit.export(model, tmp_path / "a.smoothbit", (x, edges, weight))
    other = smoothbit.export(model, tmp_path / "b.smoothbit", (x, edges, weight.double()))
    np.testing.assert_array_equal(other.scores, exported.scores)


def test_negative_weights_are_run_or_refused(tmp_path):
    x, edges = graph()
    weight = torch.randn(edges.shape[1], generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    network = pyg.GraphConv(30, 4).eval()
    with torch.no_grad():
        wanted = network(x, edges, weight).numpy()
    smoothbit.quantize_(network, "int8")
    with smoothbit.calibrate(network):
        network(x, edges, weight)
    exported = smoothbit.export(network, tmp_path / "m.smoothbit", (x, edges, weight))
    np.testing.assert_allclose(exported.scores, wanted, atol=0.05 * float(np.abs(wanted).max()))
    normalised = pyg.GCNConv(30, 4).eval()
    smoothbit.quantize_(normalised, "int8")
    with pytest.raises(ArgumentError, match="`edge_weight` to have sums >= 0"), smoothbit.calibrate(normalised):
        normalised(x, edges, weight - 10)
