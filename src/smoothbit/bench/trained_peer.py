"""A trained FP32 network in plain PyTorch and PyG: what its user would run without smoothbit."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from smoothbit.bench.networks.base import torch_features
from smoothbit.bench.networks.torch_sparse import normalised
from smoothbit.bench.peers.base import find_module
from smoothbit.bench.peers.pyg_message_passing import edge_list
from smoothbit.bench.peers.torch_csr import csr_tensor
from smoothbit.engine import PreparedGraph
from smoothbit.errors import ArgumentError
from smoothbit.formats.schema import DiffuseOp
from smoothbit.nn import Network, QuantLinear, SMPNet
from smoothbit.numerics.features import Features

Aggregate = Callable[[Tensor], Tensor]
"""Function of H [N, F] that returns A^ H."""


class PyGNet(nn.Module):
    """The network of an FP32 `SMPNet` with the same weights, propagated in h by A^.

    Args:
        model: Trained FP32 network with a linear propagation (smp, appnp, gcn).
        aggregate: How A^ H is computed.

    Raises:
        ArgumentError: the network is quantized, or its propagation is not linear.
    """

    def __init__(self, model: Network, aggregate: Aggregate) -> None:
        super().__init__()
        step = model.propagation.to_op(0) if isinstance(model, SMPNet) else None
        if not isinstance(model, SMPNet) or not model.config.quant.is_float or not isinstance(step, DiffuseOp):
            raise ArgumentError(
                f"Expected `model` to be an FP32 SMPNet with propagation smp, appnp or gcn "
                f"(got {type(model).__name__}, propagation {model.propagation_name}). Train it with --bits 32."
            )
        self.first = _linear(model.linear1)
        self.second = _linear(model.linear2)
        self.is_predict_first = model.config.order == "predict_first"
        self.aggregate = aggregate
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores [N, C]."""
        # A sparse x goes through torch.sparse, which nn.Linear does not take.
        hidden = torch.relu(x @ self.first.weight.t() + self.first.bias if x.is_sparse_csr else self.first(x))
        if self.is_predict_first:
            return self.propagate(self.second(hidden))
        scores: Tensor = self.second(self.propagate(hidden))
        return scores

    def propagate(self, z: Tensor) -> Tensor:
        """Return H_K [N, F] by the recurrence of `DiffuseOp`, in h = D^1/2 u."""
        op, state = self.step, z
        for step in range(op.num_steps):
            update = op.aggregate_weight * self.aggregate(state)
            if op.self_weight:
                update = update + op.self_weight * state
            if op.skip_weight:
                update = update + op.skip_weight * z
            if op.correction_self:
                delta = update - state
                if op.correction_self[step]:
                    update = update + op.correction_self[step] * delta
                update = update + op.correction_aggregate[step] * self.aggregate(delta)
            state = update
        return state


def pyg_networks(model: Network, graph: PreparedGraph, features: Features) -> dict[str, Callable[[], Tensor]]:
    """Return the network as calls, by the way it aggregates; the normalisation is precomputed.

    Args:
        model: Trained FP32 network.
        graph: Prepared graph.
        features: Node features [N, F].

    Raises:
        ArgumentError: as `PyGNet`.
    """
    adjacency = normalised(graph)
    layer, edges = find_module("torch_geometric.nn").SimpleConv(aggr="sum"), edge_list(adjacency)
    matrix, weights = csr_tensor(adjacency), torch.from_numpy(adjacency.values)
    ways: dict[str, Aggregate] = {
        "pyg-message-passing": lambda h: layer(h, edges, weights),
        "torch-sparse-mm": lambda h: torch.sparse.mm(matrix, h),
    }
    inputs = torch_features(features)
    return {name: _call(PyGNet(model, way).eval(), inputs) for name, way in ways.items()}


def _call(network: PyGNet, inputs: Tensor) -> Callable[[], Tensor]:
    def call() -> Tensor:
        with torch.no_grad():
            scores: Tensor = network(inputs)
        return scores

    return call


def _linear(given: QuantLinear) -> nn.Linear:
    layer = nn.Linear(*given.weight.shape)
    with torch.no_grad():
        layer.weight.copy_(given.weight.t())
        assert given.bias is not None
        layer.bias.copy_(given.bias)
    return layer
