"""SGConv."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.nn import SGConv

from smoothbit.nn.layers.base import check_features, check_value, register
from smoothbit.nn.layers.conv import QuantConv
from smoothbit.nn.layers.linear import AnyLinear, convert_inner, vector
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig, make_input


@register(SGConv)
class QuantSGConv(QuantConv, SGConv):
    """y = A^ Q_K(.. A^ Q_1(Q(x) Q_w(W)')) + bias: the product comes first, so that its F_out channels are sent."""

    lin: AnyLinear

    @classmethod
    def check(cls, layer: SGConv, label: str) -> None:
        """Refuse a linear layer without sizes."""
        super().check(layer, label)
        AnyLinear.check(layer, label)

    def attach(self, quant: QuantConfig) -> None:
        """Quantize the linear layer, its input, and the messages of each step."""
        self.input_quantizer = make_input(quant)
        self.message_quantizers = nn.ModuleList([quant.make("messages") for _ in range(self.K)])
        convert_inner(self.lin, quant)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """Return y [N, F_out]."""
        y = self.lin.multiply(self.input_quantizer(check_features(self, x)))
        edges = self.read_edges(
            edge_index, edge_weight, (len(x), len(x)), has_loops=self.add_self_loops, is_normalized=True
        )
        for quantizer in self.message_quantizers:
            y = self.reduce(self.messages(y, edges, quantizer), edges)
        return y if self.lin.bias is None else y + self.lin.bias

    def emit(self, builder: PlanBuilder, x: Value, edge_index: object, edge_weight: object = None) -> Value:
        """Append the product and one aggregation for each step."""
        x = builder.quantized(check_value(self, "x", x), self.input_quantizer.law())
        y = self.lin.emit_product(builder, x)
        for k, quantizer in enumerate(self.message_quantizers):
            y = self.emit_aggregate(
                builder,
                y,
                edge_index,
                edge_weight,
                has_loops=self.add_self_loops,
                is_normalized=True,
                message=quantizer.law(),
                bias=vector(self.lin.bias) if k == self.K - 1 else None,
            )
        return y
