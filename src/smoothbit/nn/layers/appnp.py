"""APPNP."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn import APPNP

from smoothbit.nn.layers.base import check_features, check_value, register
from smoothbit.nn.layers.conv import QuantConv
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig


@register(APPNP)
class QuantAPPNP(QuantConv, APPNP):
    """K steps x <- (1 - alpha) A^ Q_k(x) + alpha h, each with a quantizer of its own; h stays in float32."""

    def attach(self, quant: QuantConfig) -> None:
        """Add a quantizer of messages for each step."""
        self.message_quantizers = nn.ModuleList([quant.make("messages") for _ in range(self.K)])

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """Return x after K steps [N, F]."""
        h = check_features(self, x)
        edges = self.read_edges(
            edge_index, edge_weight, (len(x), len(x)), has_loops=self.loops, is_normalized=self.normalize
        )
        weight = edges.weight
        for quantizer in self.message_quantizers:
            if self.dropout > 0 and self.training:
                ones = x.new_ones(len(edges.targets)) if weight is None else weight
                edges.weight = functional.dropout(ones, self.dropout)
            a = self.reduce(self.messages(x, edges, quantizer), edges)
            x = (1 - self.alpha) * a + self.alpha * h
        return x

    @property
    def loops(self) -> bool:
        """Whether self-loops are added: with normalisation only."""
        return bool(self.add_self_loops and self.normalize)

    def emit(self, builder: PlanBuilder, x: Value, edge_index: object, edge_weight: object = None) -> Value:
        """Append one aggregation for each step."""
        h = x = builder.quantized(check_value(self, "x", x), None)
        for quantizer in self.message_quantizers:
            x = self.emit_aggregate(
                builder,
                x,
                edge_index,
                edge_weight,
                has_loops=self.loops,
                is_normalized=self.normalize,
                message=quantizer.law(),
                aggregate_weight=1.0 - self.alpha,
                skip=h.number,
                skip_weight=self.alpha,
            )
        return x
