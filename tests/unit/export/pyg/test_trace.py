"""Whole networks, recorded and run in the engine; what the engine does not have is refused by name."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
import torch_geometric.nn as pyg
from torch import nn

import smoothbit
from smoothbit.errors import UnsupportedError
from smoothbit.export.pyg import export
from smoothbit.export.pyg.example import read_example
from smoothbit.export.pyg.trace import trace

NUM_NODES, WIDTH = 30, 12


def graph():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(NUM_NODES, WIDTH, generator=generator)
    return x, torch.randint(0, NUM_NODES - 2, (2, 90), generator=generator), torch.arange(NUM_NODES) // 10


class Net(nn.Module):
    """Two layers, and in between what a test gives."""

    def __init__(self, between):
        super().__init__()
        self.conv1, self.conv2 = pyg.GCNConv(WIDTH, 8), pyg.GCNConv(8, 5)
        self.between = between

    def forward(self, x, edge_index, batch=None):
        h = F.dropout(self.conv1(x, edge_index), training=self.training)
        h = self.between(h, batch) if batch is not None else self.between(h)
        return h if batch is not None else self.conv2(h, edge_index)


class Mean(nn.Module):
    """Mean over all nodes."""

    def forward(self, h):
        return h.mean(dim=0, keepdim=True)


def quantized(model, *arguments):
    for _ in range(2):  # statistics of batch normalisation
        model.train()(*arguments)
    smoothbit.quantize_(model.eval(), "int4")
    with smoothbit.calibrate(model):
        model(*arguments)
    return model


def traced(model, *arguments):
    plan, _ = trace(quantized(model, *arguments), read_example(model, arguments))
    return [op.kind for op in plan.ops]


@pytest.mark.parametrize(
    "between",
    [
        torch.relu, F.relu, lambda h: h.relu_(), F.elu, F.leaky_relu, F.gelu, F.silu, F.selu, F.softplus,
        torch.sigmoid, torch.tanh, F.normalize, nn.PReLU(8), nn.Softplus(), nn.GELU(), nn.ELU(0.5), nn.Identity(),
        lambda h: h + h, lambda h: h + 1, lambda h: 2 - h, lambda h: (h - 0.5) / 3 * torch.linspace(-1, 1, 8),
        lambda h: -h, lambda h: torch.maximum(h, h * 0.5), lambda h: torch.add(h, h, alpha=3.0),
        torch.Tensor.contiguous,
        nn.BatchNorm1d(8), pyg.BatchNorm(8), nn.LayerNorm(8), pyg.LayerNorm(8), pyg.LayerNorm(8, mode="node"),
        pyg.GraphNorm(8),
    ],
)  # fmt: skip
def test_engine_does_what_the_network_does(between, tmp_path):
    x, edges, _ = graph()
    model = quantized(Net(between), x, edges)
    exported = export(model, tmp_path / "m.smoothbit", (x, edges))
    assert exported.verification.passed
    assert exported.verification.fake_quantize_label_agreement == 1.0
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(exported.scores), model(x, edges), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "pool",
    [pyg.global_add_pool, pyg.global_mean_pool, pyg.global_max_pool, pyg.SumAggregation(), pyg.MaxAggregation()],
)
def test_graphs_are_pooled(pool, tmp_path):
    arguments = graph()
    model = quantized(Net(pool), *arguments)
    exported = export(model, tmp_path / "m.smoothbit", arguments)
    assert exported.scores.shape == (3, 8)
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(exported.scores), model(*arguments), atol=1e-5, rtol=1e-5)


def test_nodes_of_one_graph_are_pooled_without_a_batch(tmp_path):
    x, _, _ = graph()
    model = quantized(nn.Sequential(nn.Linear(WIDTH, 8), Mean()), x)
    exported = export(model, tmp_path / "m.smoothbit", x)
    assert exported.scores.shape == (1, 8)


@pytest.mark.parametrize("jk", ["cat", "max", "last"])
def test_jumping_knowledge(jk, tmp_path):
    x, edges, _ = graph()
    model = quantized(pyg.GraphSAGE(WIDTH, 16, 3, 5, jk=jk, norm="batch"), x, edges)
    assert export(model, tmp_path / "m.smoothbit", (x, edges)).verification.passed


def test_what_a_network_decides_in_python_is_followed():
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.convs = nn.ModuleList(pyg.GCNConv(WIDTH, WIDTH) for _ in range(3))

        def forward(self, x, edge_index):
            for k, conv in enumerate(self.convs):
                if self.training or k != 1:
                    x = conv(x, edge_index)
            return F.log_softmax(x, dim=-1)

    assert traced(Deep(), *graph()[:2]) == ["features", "linear", "aggregate", "linear", "aggregate"]


@pytest.mark.parametrize(
    ("between", "match"),
    [
        (lambda h: torch.sort(h, dim=1)[0], r"functions that the engine has \(got `sort` on node values\)"),
        (lambda h: h * h, "a product to have one side that is a constant"),
        (lambda h: 1 / (h * 0 + 2), "functions that the engine has|a divisor to be a constant"),
        (lambda h: h + torch.ones(NUM_NODES, 1), r"to have 1 or 8 elements \(got \[30, 1\]\)"),
        (lambda h: torch.cat([h, h], dim=0)[:NUM_NODES], r"`dim` of a concatenation to be -1 or 1 \(got 0\)"),
        (lambda h: torch.cat([h, torch.ones(NUM_NODES, 1)], dim=1)[:, :8], "only node values to be concatenated"),
        (lambda h: h.softmax(dim=0), r"`dim` of a softmax to be -1 or 1 \(got 0\)"),
        (lambda h: F.normalize(h, p=1.0), r"L2 norm of rows \(got p=1.0"),
        (lambda h: h + h.mean(dim=1, keepdim=True), r"a mean over all nodes .* \(got dim=1"),
        (lambda h: F.gelu(h, approximate="tanh"), r"`approximate` to be 'none' \(got 'tanh'\)"),
        (nn.Softplus(beta=2), r"`beta` of Softplus to be 1 \(got 2"),
        (nn.BatchNorm1d(8, track_running_stats=False), "batch normalisation to keep running statistics"),
        (nn.LayerNorm((NUM_NODES, 8)), r"over the 8 channels \(got \(30, 8\)\)"),
    ],
)
def test_what_the_engine_does_not_have_is_refused(between, match):
    x, edges, _ = graph()
    model = quantized(Net(between), x, edges)
    with pytest.raises(UnsupportedError, match=match):
        trace(model, read_example(model, (x, edges)))


@pytest.mark.parametrize(
    ("pool", "match"),
    [
        (lambda h, batch: pyg.global_add_pool(h, batch // 2), "pooled by the `batch` that the network was given"),
        (lambda h, batch: h, "return one tensor of scores"),
    ],
    ids=["other batch", "list"],
)
def test_pooling_by_something_else_is_refused(pool, match):
    class Pooled(Net):
        def forward(self, x, edge_index, batch=None):
            out = super().forward(x, edge_index, batch)
            return [out] if len(out) == NUM_NODES else out

    arguments = graph()
    model = quantized(Pooled(pool), *arguments)
    with pytest.raises(UnsupportedError, match=match):
        trace(model, read_example(model, arguments))


def test_layer_is_named_where_it_is_refused():
    class Moved(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = pyg.GCNConv(WIDTH, 4)

        def forward(self, x, edge_index):
            return self.conv(x, edge_index.flip(0))

    x, edges, _ = graph()
    model = quantized(Moved(), x, edges)
    with pytest.raises(UnsupportedError, match="Layer `conv`: Expected `edge_index` of QuantGCNConv to be that of"):
        trace(model, read_example(model, (x, edges)))


def test_network_is_as_it_was_after_a_trace():
    x, edges, _ = graph()
    model = quantized(Net(torch.relu), x, edges).train()
    trace(model, read_example(model, (x, edges)))
    assert model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
