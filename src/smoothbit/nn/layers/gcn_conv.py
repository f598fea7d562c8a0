"""GCNConv."""

from __future__ import annotations

from torch import Tensor
from torch_geometric.nn import GCNConv

from smoothbit.nn.layers.base import check_features, check_option, check_value, convert, register
from smoothbit.nn.layers.conv import QuantConv
from smoothbit.nn.layers.linear import AnyLinear, vector
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig


@register(GCNConv)
class QuantGCNConv(QuantConv, GCNConv):
    """y_i = r_i sum_j w_ij Q(r_j (Q(x) Q_w(W)')_j) + bias, with r = deg^-1/2."""

    lin: AnyLinear

    @classmethod
    def check(cls, layer: GCNConv, label: str) -> None:
        """Refuse self-loops of weight 2."""
        super().check(layer, label)
        AnyLinear.check(layer.lin, label)
        check_option(not layer.improved, label, "improved", "False", layer.improved)

    def attach(self, quant: QuantConfig) -> None:
        """Quantize the linear layer and the messages."""
        super().attach(quant)
        convert(self.lin, quant)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        """Return y [N, F_out]."""
        h = self.lin(check_features(self, x))
        num_nodes = (len(x), len(x))
        edges = self.read_edges(
            edge_index, edge_weight, num_nodes, has_loops=self.add_self_loops, is_normalized=self.normalize
        )
        y = self.reduce(self.messages(h, edges), edges)
        return y if self.bias is None else y + self.bias

    def emit(self, builder: PlanBuilder, x: Value, edge_index: object, edge_weight: object = None) -> Value:
        """Append the product and one aggregation."""
        h = self.lin.emit(builder, check_value(self, "x", x))
        return self.emit_aggregate(
            builder,
            h,
            edge_index,
            edge_weight,
            has_loops=self.add_self_loops,
            is_normalized=self.normalize,
            bias=vector(self.bias),
        )
