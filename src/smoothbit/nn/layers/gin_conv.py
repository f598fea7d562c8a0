"""GINConv."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.nn import GINConv

from smoothbit.nn.layers.base import QuantModule, check_absent, check_option, check_value, register
from smoothbit.nn.layers.conv import REDUCTIONS, Pair, QuantConv, as_pair
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig


class QuantGINAggregation(QuantConv):
    """y_i = (1 + eps) Q(x_i) + sum_j Q(x_j): the part of GINConv before its network.

    Args:
        quant: Quantization of the messages.
        reduction: "sum", "mean" or "max".
    """

    reductions = ("add", "sum", "mean", "max")

    def __init__(self, quant: QuantConfig, reduction: str) -> None:
        super().__init__()
        self.reduction = reduction
        self.attach(quant)

    def forward(self, x: Tensor | Pair, edge_index: Tensor, eps: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Return y [N, F]."""
        senders, receivers = as_pair(self, x)
        edges = self.read_edges(edge_index, None, size or (len(senders), len(receivers)))
        messages = self.messages(senders, edges)
        own = messages if receivers is senders else self.messages(receivers, edges)
        return self.reduce(messages, edges, self.reduction) + (1 + eps) * own

    def emit(self, builder: PlanBuilder, x: Value, edge_index: object, eps: Tensor, size: object = None) -> Value:
        """Append one aggregation."""
        check_absent(self, size=size)
        x = builder.quantized(check_value(self, "x", x), self.message_quantizer.law())
        return self.emit_aggregate(
            builder, x, edge_index, reduction=self.reduction, self_weight=1.0 + float(eps.detach())
        )


@register(GINConv)
class QuantGINConv(QuantModule, GINConv):
    """y_i = nn((1 + eps) Q(x_i) + sum_j Q(x_j)); the layers of `nn` are converted each for itself."""

    @classmethod
    def check(cls, layer: GINConv, label: str) -> None:
        """Refuse a function in place of a network, and other aggregations."""
        QuantGINAggregation.check(layer, label)
        check_option(isinstance(layer.nn, nn.Module), label, "nn", "a module", layer.nn, "Write it as a module.")

    def attach(self, quant: QuantConfig) -> None:
        """Add the aggregation."""
        self.aggregation = QuantGINAggregation(quant, REDUCTIONS[self.aggr])

    @classmethod
    def parts(cls) -> tuple[str, ...]:
        """Name the network."""
        return ("nn",)

    def forward(self, x: Tensor | Pair, edge_index: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Return y [N, F_out]; `x` may be the features of senders and receivers apart."""
        y: Tensor = self.nn(self.aggregation(x, edge_index, self.eps, size))
        return y
