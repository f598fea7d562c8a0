"""GCN2Conv."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.nn import GCN2Conv

from smoothbit.formats.schema import CombineOp
from smoothbit.nn.layers.base import check_features, check_value, register
from smoothbit.nn.layers.conv import QuantConv
from smoothbit.nn.layers.linear import emit_product
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig


@register(GCN2Conv)
class QuantGCN2Conv(QuantConv, GCN2Conv):
    """y = (1 - beta) a + beta a Q_w(W_1) with a = Q_a((1 - alpha) A^ Q(x) + alpha x_0): the identity is exact.

    With weights of its own for x_0, a = Q_a((1 - alpha) A^ Q(x)), z = Q(x_0) and y gains
    alpha ((1 - beta) z + beta z Q_w(W_2)).
    """

    def attach(self, quant: QuantConfig) -> None:
        """Add quantizers of messages, of what the matrices read, and of the matrices."""
        super().attach(quant)
        self.aggregate_quantizer = quant.make("aggregates")
        self.weight_quantizer = quant.make("weights", self.channels)
        if self.weight2 is not None:
            self.initial_quantizer = quant.make("inputs")
            self.initial_weight_quantizer = quant.make("weights", self.channels)

    @property
    def loops(self) -> bool:
        """Whether self-loops are added: with normalisation only."""
        return bool(self.add_self_loops and self.normalize)

    def forward(self, x: Tensor, x_0: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """Return y [N, F]."""
        check_features(self, x)
        initial = check_features(self, x_0)[: len(x)]
        edges = self.read_edges(
            edge_index, edge_weight, (len(x), len(x)), has_loops=self.loops, is_normalized=self.normalize
        )
        a = (1 - self.alpha) * self.reduce(self.messages(x, edges), edges)
        if self.weight2 is None:
            a = a + self.alpha * initial
        a = self.aggregate_quantizer(a)
        y = (1 - self.beta) * a + self.beta * (a @ self.weight_quantizer(self.weight1))
        if self.weight2 is not None:
            z = self.initial_quantizer(initial)
            product = z @ self.initial_weight_quantizer(self.weight2)
            y = y + self.alpha * (1 - self.beta) * z + self.alpha * self.beta * product
        return torch.as_tensor(y)

    def emit(self, builder: PlanBuilder, x: Value, x_0: Value, edge_index: object, edge_weight: object = None) -> Value:
        """Append one aggregation and the products."""
        x = builder.quantized(check_value(self, "x", x), None)
        check_value(self, "x_0", x_0)
        skip = {}
        if self.weight2 is None:
            skip = {"skip": builder.quantized(x_0, None).number, "skip_weight": self.alpha}
        a = self.emit_aggregate(
            builder,
            x,
            edge_index,
            edge_weight,
            has_loops=self.loops,
            is_normalized=self.normalize,
            aggregate_weight=1.0 - self.alpha,
            output=self.aggregate_quantizer.law(),
            **skip,
        )
        values = [a, emit_product(builder, a, self.weight1, self.weight_quantizer)]
        weights: tuple[float, ...] = (1 - self.beta, self.beta)
        if self.weight2 is not None:
            z = builder.quantized(x_0, self.initial_quantizer.law())
            values += [z, emit_product(builder, z, self.weight2, self.initial_weight_quantizer)]
            weights += tuple(self.alpha * weight for weight in weights)
        return builder.add(CombineOp(tuple(value.number for value in values), weights), self.channels)
