"""What the quantized message-passing layers share: reading the edges, quantizing and reducing messages."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import add_remaining_self_loops

from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.formats.schema import AggregateOp
from smoothbit.nn.edges import Edges, quantize_factors
from smoothbit.nn.layers.base import QuantLayer, check_features, check_graph, check_option
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig

Pair: TypeAlias = tuple[Tensor, Tensor]
"""Features of the nodes that send and of those that receive."""

REDUCTIONS = {"add": "sum", "sum": "sum", "mean": "mean", "max": "max"}
"""Reduction of a plan for each name that PyG has for it."""


class QuantConv(QuantLayer):
    """A message-passing layer; each node's message is quantized once, and what is reduced are exact codes."""

    reductions: tuple[str, ...] = ("add", "sum")
    """Values of `aggr` that the layer knows."""

    message_quantizers: Any
    """One for each step, in layers that take several."""

    @classmethod
    def check(cls, layer: MessagePassing, label: str) -> None:
        """Refuse other directions, node axes, decompositions and aggregations."""
        check_option(layer.flow == "source_to_target", label, "flow", "source_to_target", layer.flow)
        check_option(layer.node_dim in (0, -2), label, "node_dim", "-2", layer.node_dim)
        check_option(layer.decomposed_layers == 1, label, "decomposed_layers", "1", layer.decomposed_layers)
        check_option(layer.explain is not True, label, "explain", "off", layer.explain)
        is_known = isinstance(layer.aggr, str) and layer.aggr in cls.reductions
        check_option(is_known, label, "aggr", f"one of {', '.join(cls.reductions)}", layer.aggr)

    def attach(self, quant: QuantConfig) -> None:
        """Add the quantizer of messages."""
        self.message_quantizer = quant.make("messages")

    def read_edges(
        self,
        edge_index: Tensor,
        edge_weight: Tensor | None,
        num_nodes: tuple[int, int],
        *,
        has_loops: bool = False,
        is_normalized: bool = False,
    ) -> Edges:
        """Return the edges, with or without self-loops, factors quantized.

        Raises:
            UnsupportedError: `edge_index` is a sparse matrix.
            ArgumentError: `edge_index` is not [2, E] int64 or names a node that there is not, there is not one
                weight for each edge, or a degree of weights is negative.
        """
        edge_index = check_edges(self, edge_index, num_nodes)
        if edge_weight is not None and edge_weight.numel() != edge_index.shape[1]:
            raise ArgumentError(
                f"Expected `edge_weight` of {type(self).__name__} to be [{edge_index.shape[1]}] "
                f"(got {list(edge_weight.shape)}). Pass one number for each edge."
            )
        edge_weight = None if edge_weight is None else edge_weight.reshape(-1)
        if has_loops:
            edge_index, edge_weight = add_remaining_self_loops(edge_index, edge_weight, 1.0, num_nodes[1])
        edges = Edges(edge_index[0], edge_index[1], num_nodes, edge_weight)
        if is_normalized:
            edges.norm = _norm(edges)
        if edge_weight is not None and not self.is_bypassed:
            edges.weight = quantize_factors(edge_weight.float(), edges.targets, num_nodes[1])
        return edges

    def messages(self, x: Tensor, edges: Edges, quantizer: nn.Module | None = None) -> Tensor:
        """Return the messages m = Q(r x) [N, F], by `quantizer` or that of the layer."""
        quantizer = self.message_quantizer if quantizer is None else quantizer
        return torch.as_tensor(quantizer(x if edges.norm is None else edges.norm * x))

    def reduce(self, messages: Tensor, edges: Edges, reduction: str = "sum") -> Tensor:
        """Return a = r times the sum, mean or maximum of the messages [N, F]."""
        reduced: Tensor = getattr(edges, reduction)(messages)
        return reduced if edges.norm is None else edges.norm * reduced

    def emit_aggregate(
        self,
        builder: PlanBuilder,
        x: Value,
        edge_index: object,
        edge_weight: object = None,
        *,
        reduction: str = "sum",
        has_loops: bool = False,
        is_normalized: bool = False,
        **fields: Any,
    ) -> Value:
        """Append the operation that `messages` and `reduce` compute."""
        check_graph(self, "edge_index", edge_index)
        if edge_weight is not None:
            check_graph(self, "edge_weight", edge_weight)
        op = AggregateOp(
            source=x.number,
            reduce=reduction,
            has_loops=has_loops,
            is_normalized=is_normalized,
            is_weighted=edge_weight is not None,
            **(fields if "message" in fields else {"message": self.message_quantizer.law(), **fields}),
        )
        return builder.add(op, x.num_channels)


def as_pair(layer: QuantLayer, x: Any) -> Pair:
    """Return the features of senders and of receivers; those of one tensor are both.

    Raises:
        ArgumentError: they are not floating point [N, F].
    """
    if isinstance(x, (tuple, list)):
        return check_features(layer, x[0]), check_features(layer, x[1])
    return (check_features(layer, x),) * 2


def check_edges(layer: QuantLayer, edge_index: Any, num_nodes: tuple[int, int]) -> Tensor:
    """Return `edge_index`; refused as `QuantConv.read_edges` says."""
    name = type(layer).__name__
    if not isinstance(edge_index, Tensor) or edge_index.layout != torch.strided:
        got = edge_index.layout if isinstance(edge_index, Tensor) else type(edge_index).__name__
        raise UnsupportedError(
            f"Expected `edge_index` of {name} to be a tensor [2, E] (got {got}). "
            "Pass edge_index, and edge weights apart, instead of a sparse adjacency."
        )
    if edge_index.dim() != 2 or len(edge_index) != 2 or edge_index.dtype != torch.int64:
        raise ArgumentError(
            f"Expected `edge_index` of {name} to be int64 [2, E] (got {edge_index.dtype} {list(edge_index.shape)}). "
            "Pass the edges as PyG stores them."
        )
    if edge_index.device.type == "cpu" and not torch.compiler.is_compiling() and edge_index.numel() > 0:
        for ends, bound in zip(edge_index, num_nodes, strict=True):
            low, high = torch.aminmax(ends)
            if low < 0 or high >= bound:
                raise ArgumentError(
                    f"Expected `edge_index` of {name} to be in [0, {bound}) (got {int(low if low < 0 else high)}). "
                    "Check the edge list against the number of nodes."
                )
    return edge_index


def _norm(edges: Edges) -> Tensor:
    degree = edges.count if edges.weight is None else edges.total(edges.weight.float())
    if edges.weight is not None and not torch.compiler.is_compiling() and bool((degree < 0).any()):
        raise ArgumentError(
            f"Expected `edge_weight` to have sums >= 0 at every node (got {float(degree.detach().min()):g}). "
            "A normalised layer takes the root of them: drop negative weights, or use `normalize=False`."
        )
    norm = degree.pow(-0.5)
    return norm.masked_fill(norm == float("inf"), 0.0)
