from __future__ import annotations

import pytest
import torch

from smoothbit.nn.edges import Edges, quantize_factors
from tests.cases.layer_case import layer_features, layer_graph

# Sums of at most 200 products of order 1 in float32, against float64.
TOLERANCE = 1e-4


def edges_of(num_nodes=(40, 30)):
    edge_index, weight = layer_graph()
    return Edges(edge_index[0], edge_index[1] % num_nodes[1], num_nodes), weight


@pytest.mark.parametrize("groups", [0, 1, 3], ids=["ones", "weights", "heads"])
def test_sum_and_its_gradients_equal_the_plain_path(groups):
    """Float64 takes the path by index_add, float32 that by the kernel."""
    edges, weight = edges_of()
    weight = [None, weight, torch.stack([weight, weight**2, -weight], dim=1)][groups if groups < 2 else 2]
    results = []
    for dtype in (torch.float64, torch.float32):
        x = layer_features().to(dtype).requires_grad_()
        w = None if weight is None else weight.to(dtype).requires_grad_()
        y = edges.sum(x, w)
        (y * torch.arange(30)[:, None]).sum().backward()
        results.append([y, x.grad, *([] if w is None else [w.grad])])
    for wanted, found in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted.float(), atol=TOLERANCE, rtol=TOLERANCE)


def test_mean_and_max_have_0_without_edges():
    edges, _ = edges_of()
    x = layer_features()
    for node in range(30):
        sent = x[edges.sources[edges.targets == node]]
        mean, top = (sent.mean(dim=0), sent.amax(dim=0)) if len(sent) else (torch.zeros(12), torch.zeros(12))
        torch.testing.assert_close(edges.mean(x)[node], mean)
        torch.testing.assert_close(edges.max(x)[node], top)


def test_factors_are_integers_of_each_receiver():
    edges, weight = edges_of()
    weight = weight - 0.6
    weight[edges.targets == 4] = 0.0
    found = quantize_factors(weight.requires_grad_(), edges.targets, 30)
    for node in edges.targets.unique():
        mine = edges.targets == node
        step = weight[mine].abs().max() / 127
        codes = found[mine] / (step if step > 0 else 1.0)
        torch.testing.assert_close(codes, codes.round(), atol=1e-4, rtol=0)
        assert (weight[mine] - found[mine]).abs().max() <= step / 2 + 1e-7
    found.sum().backward()
    assert (weight.grad == 1).all()
