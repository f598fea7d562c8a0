"""GraphConv."""

from __future__ import annotations

from torch import Tensor
from torch_geometric.nn import GraphConv

from smoothbit.errors import UnsupportedError
from smoothbit.nn.layers.base import check_absent, check_value, register
from smoothbit.nn.layers.conv import Pair, as_pair
from smoothbit.nn.layers.linear import AnyLinear
from smoothbit.nn.layers.neighbour_conv import NeighbourConv
from smoothbit.nn.plan_builder import PlanBuilder, Value


@register(GraphConv)
class QuantGraphConv(NeighbourConv, GraphConv):
    """`NeighbourConv` with edge weights."""

    def linears(self) -> tuple[AnyLinear, AnyLinear | None]:
        """Return the matrices of neighbours and of the node itself."""
        return self.lin_rel, self.lin_root

    def forward(
        self,
        x: Tensor | Pair,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Return y [N, F_out]; `x` may be the features of senders and receivers apart."""
        self._check_weight(edge_weight)
        senders, receivers = as_pair(self, x)
        edges = self.read_edges(edge_index, edge_weight, size or (len(senders), len(receivers)))
        sent = self.sent_quantizer(senders)
        return self.combine(sent, sent if receivers is senders else self.sent_quantizer(receivers), edges)

    def emit(
        self, builder: PlanBuilder, x: Value, edge_index: object, edge_weight: object = None, size: object = None
    ) -> Value:
        """Append the products and one aggregation."""
        check_absent(self, size=size)
        self._check_weight(edge_weight)
        x = builder.quantized(check_value(self, "x", x), self.sent_quantizer.law())
        return self.emit_combine(builder, x, x, edge_index, edge_weight)

    def _check_weight(self, edge_weight: object) -> None:
        if edge_weight is not None and self.aggr == "max":
            raise UnsupportedError(
                f"Expected `edge_weight` of {type(self).__name__} to be None with aggr='max' (got weights). "
                "Use aggr='mean', or leave the weights out."
            )
