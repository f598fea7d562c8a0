"""Small graphs and features that several test folders use; one generator of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from smoothbit.engine import PreparedGraph
from smoothbit.nn import MODELS, PROPAGATIONS, Inputs, TorchGraph, inputs_from_features
from smoothbit.nn.propagation import Propagation
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.quant import QuantConfig
from smoothbit.testing.graphs import binary_features as binary_features
from smoothbit.testing.graphs import random_graph as random_graph
from smoothbit.testing.propagation import dense_normalised as dense_normalised
from smoothbit.testing.propagation import train_briefly


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


def make_propagation(name: str, num_steps: int = 3, bits: int = 32, **options: Any) -> Propagation:
    """Return a propagation of 4 channels."""
    return PROPAGATIONS.resolve(name)(num_steps, 4, QuantConfig("qlr", bits), **options)


def torch_graph() -> TorchGraph:
    """Return the random graph of 30 nodes for training."""
    return TorchGraph(PreparedGraph(random_graph()))


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
    train_briefly(net, inputs, graph)
    return net, inputs
