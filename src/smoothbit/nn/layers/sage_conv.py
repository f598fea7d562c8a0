"""SAGEConv."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional
from torch_geometric.nn import SAGEConv

from smoothbit.formats.schema import CombineOp, NormalizeOp
from smoothbit.nn.layers.base import check_absent, check_value, convert, register
from smoothbit.nn.layers.conv import REDUCTIONS, Pair, QuantConv, as_pair
from smoothbit.nn.layers.linear import AnyLinear, convert_inner, vector
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import FloatStage, QuantConfig, Quantizer

LENGTH_EPS = 1e-12
"""Smallest length that `torch.nn.functional.normalize` divides by."""


@register(SAGEConv)
class QuantSAGEConv(QuantConv, SAGEConv):
    """y_i = W_l mean_j x_j + bias + W_r x_i; mean and matrix commute, so the narrower order is taken.

    ::
        multiply first (a mean or sum, F_out <= F_in)    y_i = mean_j Q(Q(x_j) Q_w(W_l)') + bias + Q(x_i) Q_w(W_r)'
        aggregate first                                  y_i = Q_a(mean_j Q(x_j)) Q_w(W_l)' + bias + Q(x_i) Q_w(W_r)'
    """

    reductions = ("add", "sum", "mean", "max")
    lin: AnyLinear
    lin_l: AnyLinear
    lin_r: AnyLinear
    root_quantizer: Quantizer | FloatStage

    @classmethod
    def check(cls, layer: SAGEConv, label: str) -> None:
        """Refuse a linear layer without sizes."""
        super().check(layer, label)
        AnyLinear.check(layer, label)

    def attach(self, quant: QuantConfig) -> None:
        """Quantize the linear layers, their inputs and the messages."""
        super().attach(quant)
        out_channels, in_channels = self.lin_l.weight.shape
        self.multiplies_first = self.aggr != "max" and out_channels <= in_channels
        if self.multiplies_first:
            self.input_quantizer = quant.make("inputs")
        else:
            self.aggregate_quantizer = quant.make("aggregates")
        convert_inner(self.lin_l, quant)
        if self.root_weight:
            convert_inner(self.lin_r, quant)
        if self.project:
            convert(self.lin, quant)
            if self.root_weight:
                self.root_quantizer = quant.make("inputs")

    @property
    def sent_quantizer(self) -> Quantizer | FloatStage:
        """Quantizer of what senders multiply or send."""
        return self.input_quantizer if self.multiplies_first else self.message_quantizer

    @property
    def own_quantizer(self) -> Quantizer | FloatStage:
        """Quantizer of what W_r reads: that of the senders, unless those are projected."""
        return self.root_quantizer if self.project else self.sent_quantizer

    def forward(self, x: Tensor | Pair, edge_index: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Return y [N, F_out]; `x` may be the features of senders and receivers apart."""
        senders, receivers = as_pair(self, x)
        edges = self.read_edges(edge_index, None, size or (len(senders), len(receivers)))
        if self.project:
            senders = self.lin(senders).relu()
        reduction = REDUCTIONS[self.aggr]
        sent = self.sent_quantizer(senders)
        if self.multiplies_first:
            y = self.reduce(self.messages(self.lin_l.multiply(sent), edges), edges, reduction)
        else:
            y = self.lin_l.multiply(self.aggregate_quantizer(self.reduce(sent, edges, reduction)))
        y = y if self.lin_l.bias is None else y + self.lin_l.bias
        if self.root_weight:
            own = sent if receivers is senders else self.own_quantizer(receivers)
            y = y + self.lin_r.multiply(own)
        return functional.normalize(y, p=2.0, dim=-1) if self.normalize else y

    def emit(self, builder: PlanBuilder, x: Value, edge_index: object, size: object = None) -> Value:
        """Append the products and one aggregation, in the order of `forward`."""
        check_absent(self, size=size)
        check_value(self, "x", x)
        projected = self.lin.emit(builder, x, has_relu=True) if self.project else x
        sent = builder.quantized(projected, self.sent_quantizer.law())
        own = sent
        if self.project and self.root_weight:
            own = builder.quantized(x, self.own_quantizer.law())
        y = self._emit_sum(builder, sent, own, edge_index)
        if not self.normalize:
            return y
        return builder.add(NormalizeOp(y.number, "length", LENGTH_EPS), y.num_channels)

    def _emit_sum(self, builder: PlanBuilder, sent: Value, own: Value, edge_index: object) -> Value:
        reduction, bias = REDUCTIONS[self.aggr], vector(self.lin_l.bias)
        rest = self.lin_r.emit_product(builder, own) if self.root_weight else None
        if self.multiplies_first:
            h = self.lin_l.emit_product(builder, sent)
            skip: dict[str, Any] = {} if rest is None else {"skip": rest.number, "skip_weight": 1.0}
            return self.emit_aggregate(builder, h, edge_index, reduction=reduction, bias=bias, **skip)
        law = self.aggregate_quantizer.law()
        a = self.emit_aggregate(builder, sent, edge_index, reduction=reduction, output=law)
        y = self.lin_l.emit_product(builder, a)
        numbers = (y.number,) if rest is None else (y.number, rest.number)
        return builder.add(CombineOp(numbers, (1.0,) * len(numbers), bias=bias), y.num_channels)
