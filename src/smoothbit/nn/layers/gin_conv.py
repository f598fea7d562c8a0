"""GINConv."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.nn import GINConv

from smoothbit.nn.layers.base import check_absent, check_option, check_value, register
from smoothbit.nn.layers.conv import REDUCTIONS, Pair, QuantConv, as_pair
from smoothbit.nn.layers.plain import emit_module
from smoothbit.nn.plan_builder import PlanBuilder, Value


@register(GINConv)
class QuantGINConv(QuantConv, GINConv):
    """y_i = nn((1 + eps) Q(x_i) + sum_j Q(x_j)); the layers of `nn` are converted each for itself."""

    reductions = ("add", "sum", "mean", "max")

    @classmethod
    def check(cls, layer: GINConv, label: str) -> None:
        """Refuse a function in place of a network."""
        super().check(layer, label)
        check_option(isinstance(layer.nn, nn.Module), label, "nn", "a module", layer.nn, "Write it as a module.")

    def parts(self) -> dict[str, nn.Module]:
        """Return the network."""
        return {"nn": self.nn}

    def forward(self, x: Tensor | Pair, edge_index: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Return y [N, F_out]; `x` may be the features of senders and receivers apart."""
        senders, receivers = as_pair(self, x)
        edges = self.read_edges(edge_index, None, size or (len(senders), len(receivers)))
        messages = self.messages(senders, edges)
        own = messages if receivers is senders else self.messages(receivers, edges)
        y = self.reduce(messages, edges, REDUCTIONS[self.aggr]) + (1 + self.eps) * own
        result: Tensor = self.nn(y)
        return result

    def emit(self, builder: PlanBuilder, x: Value, edge_index: object, size: object = None) -> Value:
        """Append one aggregation, then the operations of the network."""
        check_absent(self, size=size)
        x = builder.quantized(check_value(self, "x", x), self.message_quantizer.law())
        own = 1.0 + float(self.eps)
        y = self.emit_aggregate(builder, x, edge_index, reduction=REDUCTIONS[self.aggr], self_weight=own)
        return emit_module(self.nn, builder, y)
