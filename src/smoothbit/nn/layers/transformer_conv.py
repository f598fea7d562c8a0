"""TransformerConv."""

from __future__ import annotations

from torch import Tensor
from torch_geometric.nn import TransformerConv

from smoothbit.nn.edges import by_group
from smoothbit.nn.layers.attention import AttentionConv
from smoothbit.nn.layers.base import check_absent, check_features, check_option, check_value, register
from smoothbit.nn.layers.linear import AnyLinear, convert_inner
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig


@register(TransformerConv)
class QuantTransformerConv(AttentionConv, TransformerConv):
    """Attention by the scores q_i k_j / sqrt(C) over the neighbours, plus W x_i; values are quantized as messages."""

    bias = None

    @classmethod
    def check(cls, layer: TransformerConv, label: str) -> None:
        """Refuse the gate between attention and root."""
        super().check(layer, label)
        AnyLinear.check(layer, label)
        check_option(not layer.beta, label, "beta", "False", layer.beta)

    def attach(self, quant: QuantConfig) -> None:
        """Quantize the linear layers too."""
        super().attach(quant)
        for linear in (self.lin_key, self.lin_query, self.lin_value):
            convert_inner(linear, quant)
        if self.root_weight:
            convert_inner(self.lin_skip, quant)

    @property
    def scale(self) -> float:
        """Factor of the scores."""
        return float(self.out_channels**-0.5)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_attr: None = None, return_attention_weights: None = None
    ) -> Tensor:
        """Return y [N, H C], or [N, C] where heads are averaged."""
        check_absent(self, edge_attr=edge_attr, return_attention_weights=return_attention_weights)
        x = self.input_quantizer(check_features(self, x))
        edges = self.read_edges(edge_index, None, (len(x), len(x)))
        keys = self.lin_key.apply_to(x).index_select(0, edges.sources)
        queries = self.lin_query.apply_to(x).index_select(0, edges.targets)
        scores = by_group(keys * queries, self.heads).sum(dim=-1) * self.scale
        y = self.attend(self.lin_value.apply_to(x), scores, edges)
        return y + self.lin_skip.apply_to(x) if self.root_weight else y

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
        values, queries, keys = (linear.emit(builder, x) for linear in (self.lin_value, self.lin_query, self.lin_key))
        rest = self.lin_skip.emit(builder, x) if self.root_weight else None
        return self.emit_attend(
            builder, values, edge_index, queries, keys, rest, score="dot", has_loops=False, slope=0.0, scale=self.scale
        )
