"""GATConv."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional
from torch_geometric.nn import GATConv

from smoothbit.formats.schema import LinearOp
from smoothbit.nn.edges import by_group
from smoothbit.nn.layers.attention import AttentionConv
from smoothbit.nn.layers.base import check_absent, check_features, check_value, register
from smoothbit.nn.layers.linear import AnyLinear, convert_inner
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig


@register(GATConv)
class QuantGATConv(AttentionConv, GATConv):
    """Graph attention with h = Q(x) Q_w(W)' and scores leaky_relu(a_src h_j + a_dst h_i), h quantized as message."""

    lin: AnyLinear
    res: AnyLinear | None

    @classmethod
    def check(cls, layer: GATConv, label: str) -> None:
        """Refuse a linear layer without sizes."""
        super().check(layer, label)
        AnyLinear.check(layer, label)

    def attach(self, quant: QuantConfig) -> None:
        """Quantize the linear layers too."""
        super().attach(quant)
        for layer in (self.lin, self.res):
            if layer is not None:
                convert_inner(layer, quant)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: None = None,
        size: None = None,
        return_attention_weights: None = None,
    ) -> Tensor:
        """Return y [N, H C], or [N, C] where heads are averaged."""
        check_absent(self, edge_attr=edge_attr, size=size, return_attention_weights=return_attention_weights)
        x = self.input_quantizer(check_features(self, x))
        edges = self.read_edges(edge_index, None, (len(x), len(x)), has_loops=self.add_self_loops)
        h = self.lin.multiply(x)
        heads = by_group(h, self.heads)
        keys, queries = (heads * self.att_src).sum(dim=-1), (heads * self.att_dst).sum(dim=-1)
        scores = keys.index_select(0, edges.sources) + queries.index_select(0, edges.targets)
        y = self.attend(h, functional.leaky_relu(scores, self.negative_slope), edges)
        y = y if self.res is None else y + self.res.multiply(x)
        return y if self.bias is None else y + self.bias

    def emit(
        self,
        builder: PlanBuilder,
        x: Value,
        edge_index: object,
        edge_attr: object = None,
        size: object = None,
        return_attention_weights: object = None,
    ) -> Value:
        """Append the products, those with the attention vectors, and the attention."""
        check_absent(self, edge_attr=edge_attr, size=size, return_attention_weights=return_attention_weights)
        x = builder.quantized(check_value(self, "x", x), self.input_quantizer.law())
        h = self.lin.emit_product(builder, x)
        keys, queries = (self._emit_scores(builder, h, vector) for vector in (self.att_src, self.att_dst))
        rest = None if self.res is None else self.res.emit_product(builder, x)
        return self.emit_attend(
            builder,
            h,
            edge_index,
            queries,
            keys,
            rest,
            score="additive",
            has_loops=self.add_self_loops,
            slope=self.negative_slope,
        )

    def _emit_scores(self, builder: PlanBuilder, h: Value, attention: Tensor) -> Value:
        """Append the products of each head with its vector [1, H, C]: one matrix of blocks, in float32."""
        weight = np.zeros((h.num_channels, self.heads), dtype=np.float32)
        for head, block in enumerate(attention[0].detach().cpu().numpy()):
            weight[head * self.out_channels :][: self.out_channels, head] = block
        return builder.add(LinearOp(h.number, weight, None, False, None), self.heads)
