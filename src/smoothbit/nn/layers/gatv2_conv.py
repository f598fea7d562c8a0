"""GATv2Conv."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional
from torch_geometric.nn import GATv2Conv

from smoothbit.nn.edges import by_group
from smoothbit.nn.layers.attention import AttentionConv
from smoothbit.nn.layers.base import check_absent, check_features, check_value, register
from smoothbit.nn.layers.linear import AnyLinear, convert_inner, vector
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig


@register(GATv2Conv)
class QuantGATv2Conv(AttentionConv, GATv2Conv):
    """Dynamic attention: scores a leaky_relu(k_j + q_i) with k = Q(x) Q_w(W_l)' + b_l, which is the message too."""

    @classmethod
    def check(cls, layer: GATv2Conv, label: str) -> None:
        """Refuse a linear layer without sizes."""
        super().check(layer, label)
        AnyLinear.check(layer, label)

    def attach(self, quant: QuantConfig) -> None:
        """Quantize the linear layers too."""
        super().attach(quant)
        for linear in dict.fromkeys((self.lin_l, self.lin_r, self.res)):  # lin_r may be lin_l
            if linear is not None:
                convert_inner(linear, quant)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_attr: None = None, return_attention_weights: None = None
    ) -> Tensor:
        """Return y [N, H C], or [N, C] where heads are averaged."""
        check_absent(self, edge_attr=edge_attr, return_attention_weights=return_attention_weights)
        x = self.input_quantizer(check_features(self, x))
        edges = self.read_edges(edge_index, None, (len(x), len(x)), has_loops=self.add_self_loops)
        keys = self.lin_l.apply_to(x)
        queries = keys if self.share_weights else self.lin_r.apply_to(x)
        pairs = keys.index_select(0, edges.sources) + queries.index_select(0, edges.targets)
        activated = by_group(functional.leaky_relu(pairs, self.negative_slope), self.heads)
        y = self.attend(keys, (activated * self.att).sum(dim=-1), edges)
        y = y if self.res is None else y + self.res.multiply(x)
        return y if self.bias is None else y + self.bias

    def emit(
        self,
        builder: PlanBuilder,
        x: Value,
        edge_index: object,
        edge_attr: object = None,
        return_attention_weights: object = None,
    ) -> Value:
        """Append the products and the attention."""
        check_absent(self, edge_attr=edge_attr, return_attention_weights=return_attention_weights)
        x = builder.quantized(check_value(self, "x", x), self.input_quantizer.law())
        keys = self.lin_l.emit(builder, x)
        queries = keys if self.share_weights else self.lin_r.emit(builder, x)
        rest = None if self.res is None else self.res.emit_product(builder, x)
        return self.emit_attend(
            builder,
            keys,
            edge_index,
            queries,
            keys,
            rest,
            score="dynamic",
            has_loops=self.add_self_loops,
            slope=self.negative_slope,
            vector=vector(self.att),
        )
