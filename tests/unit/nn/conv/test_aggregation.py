from __future__ import annotations

import pytest
import torch

from smoothbit.engine import PreparedGraph
from smoothbit.nn import TorchGraph
from smoothbit.nn.conv import Aggregation
from smoothbit.quant import QuantConfig
from tests.helpers import dense_normalised, random_graph


@pytest.mark.parametrize("has_relu", [False, True])
@pytest.mark.parametrize("skip_weight", [0.0, 0.25])
def test_float_equals_the_dense_equation(skip_weight, has_relu):
    graph = TorchGraph(PreparedGraph(random_graph()))
    h, initial = torch.randn(2, graph.num_nodes, 4)
    layer = Aggregation(4, QuantConfig(), skip_weight=skip_weight, has_relu=has_relu)
    wanted = (1 - skip_weight) * dense_normalised(graph) @ h + skip_weight * initial
    found = layer(h, graph, initial if skip_weight else None)
    torch.testing.assert_close(found, wanted.relu() if has_relu else wanted, atol=1e-5, rtol=1e-5)


def test_scores_keep_exact_sums():
    op = Aggregation(4, QuantConfig(), has_output_quantizer=False).to_op(3, initial=2)
    assert (op.source, op.skip, op.aggregates, op.updates) == (3, 2, (None,), (None,))


def test_repr_shows_skip_and_activation():
    assert "skip_weight=0.5, relu=True" in repr(Aggregation(4, QuantConfig(), skip_weight=0.5, has_relu=True))
