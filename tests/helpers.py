"""Small graphs and features that several test folders use; one generator of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from smoothbit.nn import MODELS, Inputs, TorchGraph, inputs_from_features
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.features import Features
from smoothbit.quant import QuantConfig


def random_graph(num_nodes: int = 30, num_edges: int = 60, seed: int = 0) -> CSR:
    """Return a symmetric graph with an isolated node (the last one) and one self-loop (node 0)."""
    rng = np.random.default_rng(seed)
    heads = rng.integers(0, num_nodes - 1, num_edges)
    tails = rng.integers(0, num_nodes - 1, num_edges)
    pairs = {(int(i), int(j)) for i, j in zip(heads, tails, strict=True) if i != j}
    pairs |= {(j, i) for i, j in pairs} | {(0, 0)}
    rows, cols = np.array(sorted(pairs)).T
    return csr_from_coo(rows, cols, num_nodes, num_nodes)


def binary_features(num_nodes: int = 30, num_features: int = 20, seed: int = 0) -> Features:
    """Return row-normalised binary features; node 3 has none."""
    rng = np.random.default_rng(seed)
    mask = rng.random((num_nodes, num_features)) < 0.3
    mask[3] = False
    rows, cols = np.nonzero(mask)
    scale = (1 / np.maximum(mask.sum(axis=1), 1)).astype(np.float32)
    return Features(csr_from_coo(rows, cols, num_nodes, num_features), scale)


def valued_features(num_nodes: int = 30, num_features: int = 20, seed: int = 0) -> Features:
    """Return sparse features with positive values and a row factor."""
    binary = binary_features(num_nodes, num_features, seed)
    pattern = binary.matrix
    assert isinstance(pattern, CSR)
    values = np.random.default_rng(seed).random(pattern.num_entries, dtype=np.float32) + np.float32(0.1)
    return Features(CSR(pattern.indptr, pattern.indices, pattern.num_cols, values), binary.row_scale)


def dense_features(num_nodes: int = 30, num_features: int = 20, seed: int = 0) -> Features:
    """Return dense standard-normal features."""
    rng = np.random.default_rng(seed)
    return Features(rng.standard_normal((num_nodes, num_features), dtype=np.float32))


FEATURES = {"binary": binary_features, "sparse": valued_features, "dense": dense_features}


def dense_normalised(graph: TorchGraph) -> torch.Tensor:
    """Return A^ = D^-1/2 (A + I) D^-1/2 as a dense matrix: the oracle of propagations on small graphs."""
    csr = graph.prepared.csr
    dense = torch.zeros(csr.num_rows, csr.num_cols)
    dense[torch.from_numpy(csr.entry_rows()).long(), torch.from_numpy(csr.indices).long()] = 1.0
    return graph.rsqrt_degree * dense * graph.rsqrt_degree.t()


def trained_net(
    graph: TorchGraph,
    features: Features,
    *,
    bits: int = 32,
    quantizer: str = "qlr",
    coding: str = "plain",
    steps: int = 3,
    seed: int = 0,
    model: str = "smp_net",
    stage_bits: dict[str, int] | None = None,
    **config: object,
) -> tuple[Any, Inputs]:
    """Return a network after three optimiser steps on random labels, so that all its parts have moved."""
    torch.manual_seed(seed)
    inputs = inputs_from_features(features)
    fields: dict[str, object] = {"hidden_channels": 12, "dropout": 0.2, "num_steps": steps, **config}
    network = MODELS.resolve(model)
    net = network(
        network.config_type(
            features.num_features,
            5,
            inputs.kind,
            quant=QuantConfig(quantizer, bits, stage_bits or {}, coding=coding),
            **fields,  # type: ignore[arg-type]
        )
    )
    labels = torch.randint(0, 5, (graph.num_nodes,))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(3):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(inputs, graph), labels).backward()
        optimiser.step()
    return net, inputs
