"""Graphs to measure on: generated, or those of the datasets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smoothbit.bench.request import BenchRequest
from smoothbit.data import contextual_sbm, load_dataset, powerlaw_graph
from smoothbit.engine import PreparedGraph
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features

NUM_BLOCKS = 16
"""Classes of the block model; enough that communities matter, few enough that each is large."""
MODEL_FEATURES = 128
"""Input features of a generated graph: those of ogbn-arxiv."""


@dataclass(frozen=True)
class BenchGraph:
    """A graph and its node features.

    Args:
        name: As in the records.
        adjacency: CSR [N, N] without values.
        features: Node features [N, F], or None for a graph that was made without.
    """

    name: str
    adjacency: CSR
    features: Features | None = None

    def features_or_random(self, seed: int) -> Features:
        """Return the features, or standard Gaussian ones [N, MODEL_FEATURES]."""
        if self.features is not None:
            return self.features
        generator = np.random.default_rng(seed)
        shape = (self.adjacency.num_rows, MODEL_FEATURES)
        return Features(generator.standard_normal(shape, dtype=np.float32))


@dataclass(frozen=True)
class BothGraphs:
    """The prepared graph twice.

    Args:
        given: As the caller numbers its nodes; what peers get.
        ours: In the order that the request names; what the engine's sides run on.
    """

    given: PreparedGraph
    ours: PreparedGraph

    def notes(self) -> list[str]:
        """Return a sentence on the order and what it costs once; none for the caller's own."""
        if self.ours is self.given:
            return []
        setup = self.ours.setup
        return [
            f"Our sides run in node order {self.ours.order.name}, setup_ms {setup.total_ms:.1f} (found in "
            f"{setup.find_ms:.1f} ms, applied in {setup.apply_ms:.1f} ms), once and not in the times; peers keep the "
            "given order."
        ]


def prepare_both(request: BenchRequest, adjacency: CSR) -> BothGraphs:
    """Prepare the graph for peers and, when the request names an order, for the engine."""
    given = PreparedGraph(adjacency)
    is_given = request.order.lower() == "none"
    return BothGraphs(given, given if is_given else PreparedGraph(adjacency, request.order))


def make_graph(request: BenchRequest) -> BenchGraph:
    """Return the graph that `request` names.

    Raises:
        ArgumentError: an unknown dataset, or sizes that a generator refuses.
        DatasetError: the dataset's files are missing or damaged.
    """
    name = request.graph.lower()
    if name == "powerlaw":
        adjacency = powerlaw_graph(request.num_nodes, request.num_edges, seed=request.seed)
        return BenchGraph(name, adjacency)
    if name == "sbm":
        data = contextual_sbm(request.num_nodes, request.num_edges, NUM_BLOCKS, MODEL_FEATURES, seed=request.seed)
        return BenchGraph(name, data.adjacency, data.features)
    data = load_dataset(request.graph, request.data_root)
    return BenchGraph(data.name, data.adjacency, data.features)
