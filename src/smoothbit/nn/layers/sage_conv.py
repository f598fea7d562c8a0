"""SAGEConv."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional
from torch_geometric.nn import SAGEConv

from smoothbit.formats.schema import NormalizeOp
from smoothbit.nn.layers.base import check_absent, check_value, convert, register
from smoothbit.nn.layers.conv import Pair, as_pair
from smoothbit.nn.layers.linear import AnyLinear
from smoothbit.nn.layers.neighbour_conv import NeighbourConv
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import FloatStage, QuantConfig, RowStage, make_input

LENGTH_EPS = 1e-12
"""Smallest length that `torch.nn.functional.normalize` divides by."""


@register(SAGEConv)
class QuantSAGEConv(NeighbourConv, SAGEConv):
    """`NeighbourConv`; senders may be projected first, x_j = relu(W x_j + b), and rows of y scaled to length 1."""

    lin: AnyLinear
    root_quantizer: RowStage | FloatStage

    def linears(self) -> tuple[AnyLinear, AnyLinear | None]:
        """Return the matrices of neighbours and of the node itself."""
        return self.lin_l, self.lin_r if self.root_weight else None

    def attach(self, quant: QuantConfig) -> None:
        """Quantize the projection too."""
        super().attach(quant)
        if self.project:
            convert(self.lin, quant)
            if self.root_weight:
                self.root_quantizer = make_input(quant)

    def forward(self, x: Tensor | Pair, edge_index: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Return y [N, F_out]; `x` may be the features of senders and receivers apart."""
        senders, receivers = as_pair(self, x)
        edges = self.read_edges(edge_index, None, size or (len(senders), len(receivers)))
        sent = self.sent_quantizer(self.lin(senders).relu() if self.project else senders)
        own = sent
        if self.root_weight and (self.project or receivers is not senders):
            own = (self.root_quantizer if self.project else self.sent_quantizer)(receivers)
        y = self.combine(sent, own, edges)
        return functional.normalize(y, p=2.0, dim=-1) if self.normalize else y

    def emit(self, builder: PlanBuilder, x: Value, edge_index: object, size: object = None) -> Value:
        """Append the products and one aggregation, in the order of `forward`."""
        check_absent(self, size=size)
        check_value(self, "x", x)
        sent = self.lin.emit(builder, x, has_relu=True) if self.project else x
        own = sent = builder.quantized(sent, self.sent_quantizer.law())
        if self.project and self.root_weight:
            own = builder.quantized(x, self.root_quantizer.law())
        y = self.emit_combine(builder, sent, own, edge_index)
        return builder.add(NormalizeOp(y.number, "length", LENGTH_EPS), y.num_channels) if self.normalize else y
