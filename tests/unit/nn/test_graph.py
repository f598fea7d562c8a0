from __future__ import annotations

import pytest
import torch

from smoothbit.engine import PreparedGraph
from smoothbit.errors import ArgumentError
from smoothbit.nn import TorchGraph
from tests.helpers import dense_normalised, random_graph


def test_mean_is_similar_to_symmetric_smoothing():
    """D^-1 A~ u = D^-1/2 A^ h for h = D^1/2 u."""
    graph = TorchGraph(PreparedGraph(random_graph()))
    u = torch.randn(graph.num_nodes, 3)
    torch.testing.assert_close(graph.sqrt_degree * graph.mean(u), dense_normalised(graph) @ (graph.sqrt_degree * u))


def test_counts_include_self_loops():
    csr = random_graph()
    graph = TorchGraph(PreparedGraph(csr))
    assert graph.num_entries == csr.num_entries + graph.num_nodes - 1  # node 0 has its own


def test_training_needs_the_callers_order():
    with pytest.raises(ArgumentError, match=r"in the caller's order of nodes \(got order 'degree'\)"):
        TorchGraph(PreparedGraph(random_graph(), "degree"))
