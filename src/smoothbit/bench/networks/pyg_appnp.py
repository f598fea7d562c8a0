"""The network in PyG: dense (or sparse-input) layers, then `torch_geometric.nn.APPNP` on an edge list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smoothbit.bench.network import NUM_STEPS, TELEPORT, RandomNetwork
from smoothbit.bench.networks.base import NETWORKS, torch_features
from smoothbit.bench.networks.torch_sparse import normalised
from smoothbit.bench.peers.base import Product, check_message_memory, find_module
from smoothbit.bench.peers.pyg_message_passing import edge_list
from smoothbit.bench.processes.side import first_layers
from smoothbit.engine import PreparedGraph
from smoothbit.numerics.features import Features


@NETWORKS.register("pyg-appnp")
def pyg_network(network: RandomNetwork, graph: PreparedGraph, features: Features) -> Callable[[], Any]:
    """Prepare the network; edge weights are normalised once, not in every call."""
    torch, nn = find_module("torch"), find_module("torch_geometric.nn")
    adjacency = normalised(graph)
    check_message_memory(Product(adjacency, network.second))
    propagation = nn.APPNP(NUM_STEPS, TELEPORT, normalize=False).eval()
    edges, weights = edge_list(adjacency), torch.from_numpy(adjacency.values)
    inputs = torch_features(features)
    first, second = torch.from_numpy(network.first), torch.from_numpy(network.second)

    def call() -> Any:
        with torch.no_grad():
            return propagation(first_layers(torch, inputs, first, second), edges, weights)

    return call
