"""The network in plain torch: dense (or sparse-input) layers, then torch.sparse.mm in a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from smoothbit.bench.network import NUM_STEPS, TELEPORT, RandomNetwork
from smoothbit.bench.networks.base import NETWORKS, torch_features
from smoothbit.bench.peers.base import find_module
from smoothbit.bench.peers.torch_csr import csr_tensor
from smoothbit.bench.processes.side import first_layers, propagate
from smoothbit.engine import PreparedGraph
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features


@NETWORKS.register("torch-sparse-mm")
def torch_network(network: RandomNetwork, graph: PreparedGraph, features: Features) -> Callable[[], Any]:
    """Prepare the network; the symmetric normalisation stands in the matrix."""
    torch = find_module("torch")
    inputs, adjacency = torch_features(features), csr_tensor(normalised(graph))
    first, second = torch.from_numpy(network.first), torch.from_numpy(network.second)

    def call() -> Any:
        with torch.no_grad():
            return propagate(torch, adjacency, first_layers(torch, inputs, first, second), NUM_STEPS, TELEPORT)

    return call


def normalised(graph: PreparedGraph) -> CSR:
    """Return D^-1/2 A~ D^-1/2 with float32 values."""
    csr = graph.csr
    values = np.repeat(graph.rsqrt_degree, csr.row_lengths) * graph.rsqrt_degree[csr.indices]
    return CSR(csr.indptr, csr.indices, csr.num_cols, values)
