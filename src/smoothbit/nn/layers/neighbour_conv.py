"""What SAGEConv and GraphConv share: one matrix for the neighbours, one for the node itself."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor

from smoothbit.formats.schema import CombineOp
from smoothbit.nn.edges import Edges
from smoothbit.nn.layers.conv import REDUCTIONS, QuantConv
from smoothbit.nn.layers.linear import AnyLinear, convert_inner, vector
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import FloatStage, QuantConfig, Quantizer, RowStage, make_input


class NeighbourConv(QuantConv):
    """y_i = W_l mean_j x_j + bias + W_r x_i; a mean or sum commutes with W_l, so the narrower order is taken.

    ::
        multiply first (a mean or sum, F_out <= F_in)    y_i = mean_j Q(Q(x_j) Q_w(W_l)') + bias + Q(x_i) Q_w(W_r)'
        aggregate first                                  y_i = Q_a(mean_j Q(x_j)) Q_w(W_l)' + bias + Q(x_i) Q_w(W_r)'
    """

    reductions = ("add", "sum", "mean", "max")

    @classmethod
    def check(cls, layer: Any, label: str) -> None:
        """Refuse a linear layer without sizes."""
        super().check(layer, label)
        AnyLinear.check(layer, label)

    @abstractmethod
    def linears(self) -> tuple[AnyLinear, AnyLinear | None]:
        """Return W_l with the bias, and W_r."""

    def attach(self, quant: QuantConfig) -> None:
        """Quantize the linear layers, their inputs and the messages."""
        super().attach(quant)
        for linear in self.linears():
            if linear is not None:
                convert_inner(linear, quant)
        out_channels, in_channels = self.linears()[0].weight.shape
        self.multiplies_first = self.aggr != "max" and out_channels <= in_channels
        if self.multiplies_first:
            self.input_quantizer = make_input(quant)
        else:
            self.aggregate_quantizer = quant.make("aggregates")

    @property
    def sent_quantizer(self) -> Quantizer | RowStage | FloatStage:
        """Quantizer of what senders multiply or send."""
        quantizer: Quantizer | RowStage | FloatStage = (
            self.input_quantizer if self.multiplies_first else self.message_quantizer
        )
        return quantizer

    def combine(self, sent: Tensor, own: Tensor, edges: Edges) -> Tensor:
        """Return y [N, F_out] from the quantized features of senders and receivers."""
        neighbour, root = self.linears()
        reduction = REDUCTIONS[self.aggr]
        if self.multiplies_first:
            y = self.reduce(self.messages(neighbour.multiply(sent), edges), edges, reduction)
        else:
            y = neighbour.multiply(self.aggregate_quantizer(self.reduce(sent, edges, reduction)))
        y = y if neighbour.bias is None else y + neighbour.bias
        return y if root is None else y + root.multiply(own)

    def emit_combine(
        self, builder: PlanBuilder, sent: Value, own: Value, edge_index: object, edge_weight: object = None
    ) -> Value:
        """Append what `combine` computes."""
        neighbour, root = self.linears()
        reduction, bias = REDUCTIONS[self.aggr], vector(neighbour.bias)
        rest = None if root is None else root.emit_product(builder, own)
        if self.multiplies_first:
            h = neighbour.emit_product(builder, sent)
            skip: dict[str, Any] = {} if rest is None else {"skip": rest.number, "skip_weight": 1.0}
            return self.emit_aggregate(builder, h, edge_index, edge_weight, reduction=reduction, bias=bias, **skip)
        law = self.aggregate_quantizer.law()
        a = self.emit_aggregate(builder, sent, edge_index, edge_weight, reduction=reduction, output=law)
        y = neighbour.emit_product(builder, a)
        numbers = (y.number,) if rest is None else (y.number, rest.number)
        return builder.add(CombineOp(numbers, (1.0,) * len(numbers), bias=bias), y.num_channels)
