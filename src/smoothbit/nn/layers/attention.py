"""What the attention layers share: the quantized softmax and the sum weighted by it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch_geometric.nn import MessagePassing

from smoothbit.formats.schema import AttendOp, CombineOp
from smoothbit.kernels import ATTENTION_QMAX
from smoothbit.nn.edges import Edges, by_group
from smoothbit.nn.layers.base import check_graph, check_option
from smoothbit.nn.layers.conv import QuantConv
from smoothbit.nn.layers.linear import vector
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig, make_input


class AttentionConv(QuantConv):
    """A layer that weighs messages by p_ijh = rint(255 exp(e_ijh - max_j e_ijh)); see `AttendOp`."""

    bias: Tensor | None

    @classmethod
    def check(cls, layer: MessagePassing, label: str) -> None:
        """Refuse features of edges and bipartite layers."""
        super().check(layer, label)
        is_single = isinstance(layer.in_channels, int)
        check_option(is_single, label, "in_channels", "one number", layer.in_channels)
        check_option(layer.edge_dim is None, label, "edge_dim", "None", layer.edge_dim)

    def attach(self, quant: QuantConfig) -> None:
        """Quantize input and messages."""
        super().attach(quant)
        self.input_quantizer = make_input(quant)

    def attend(self, x: Tensor, scores: Tensor, edges: Edges) -> Tensor:
        """Return the weighted means of the quantized messages [N, H C] or, averaged over the heads, [N, C].

        Args:
            x: Values [N, H C].
            scores: e [E, H].
            edges: Edges with their self-loops.
        """
        places = edges.targets[:, None].expand_as(scores)
        shape = (edges.num_nodes[1], scores.shape[1])
        top = scores.new_full(shape, -torch.inf).scatter_reduce(0, places, scores.detach(), "amax")
        p = ATTENTION_QMAX * torch.exp(scores - top.index_select(0, edges.targets))
        if not self.is_bypassed:
            p = p + (torch.round(p) - p).detach()
        total = edges.total(p).clamp(min=1.0)
        sums = edges.sum(self.messages(x, edges), functional.dropout(p, self.dropout, self.training))
        means = by_group(sums, scores.shape[1]) / total[:, :, None]
        return means.flatten(1) if self.concat else means.mean(dim=1)

    def emit_attend(
        self,
        builder: PlanBuilder,
        x: Value,
        edge_index: object,
        queries: Value,
        keys: Value,
        rest: Value | None,
        **fields: Any,
    ) -> Value:
        """Append what `attend` computes, plus the value `rest`, plus the bias."""
        check_graph(self, "edge_index", edge_index)
        bias = vector(self.bias)
        op = AttendOp(
            source=x.number,
            queries=queries.number,
            keys=keys.number,
            num_heads=self.heads,
            message=self.message_quantizer.law(),
            is_concatenated=self.concat,
            bias=bias if rest is None else None,
            **fields,
        )
        y = builder.add(op, x.num_channels if self.concat else x.num_channels // self.heads)
        if rest is None:
            return y
        return builder.add(CombineOp((y.number, rest.number), (1.0, 1.0), bias=bias), y.num_channels)
