"""The network in DGL: dense (or sparse-input) layers, then `dgl.ops.copy_u_sum` between two scalings.

``D^-1/2 A~ D^-1/2 H`` as a sum without edge weights is the fastest of DGL's ways to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smoothbit.bench.network import NUM_STEPS, TELEPORT, RandomNetwork
from smoothbit.bench.networks.base import NETWORKS, torch_features
from smoothbit.bench.peers.base import find_module
from smoothbit.bench.peers.dgl import find_dgl, sum_graph
from smoothbit.bench.processes.side import first_layers
from smoothbit.engine import PreparedGraph
from smoothbit.numerics.features import Features


@NETWORKS.register("dgl-copy-u-sum")
def dgl_network(network: RandomNetwork, graph: PreparedGraph, features: Features) -> Callable[[], Any]:
    """Prepare the network; the degrees' powers are computed once."""
    torch, library = find_module("torch"), find_dgl()
    edges = sum_graph(library, graph.csr)
    before = torch.tensor(graph.rsqrt_degree)[:, None]
    after = before * (1 - TELEPORT)
    inputs = torch_features(features)
    first, second = torch.from_numpy(network.first), torch.from_numpy(network.second)

    def call() -> Any:
        with torch.no_grad():
            outputs = first_layers(torch, inputs, first, second)
            state = outputs
            for _ in range(NUM_STEPS):
                state = library.ops.copy_u_sum(edges, state * before).mul_(after).add_(outputs, alpha=TELEPORT)
            return state

    return call
