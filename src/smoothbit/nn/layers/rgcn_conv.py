"""RGCNConv."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import RGCNConv

from smoothbit.errors import ArgumentError
from smoothbit.formats.schema import CombineOp
from smoothbit.nn.edges import Edges
from smoothbit.nn.layers.base import check_features, check_graph, check_option, check_value, register
from smoothbit.nn.layers.conv import REDUCTIONS, QuantConv, check_edges
from smoothbit.nn.layers.linear import emit_product, vector
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig, make_input


@register(RGCNConv)
class QuantRGCNConv(QuantConv, RGCNConv):
    """y_i = sum_r mean_{j in N_r(i)} Q_r(Q(x_j) Q_w(W_r)) + Q(x_i) Q_w(W) + bias, one matrix for each relation r."""

    reductions = ("add", "sum", "mean")
    weight_quantizers: Any

    @classmethod
    def check(cls, layer: RGCNConv, label: str) -> None:
        """Refuse block-diagonal matrices and bipartite layers."""
        super().check(layer, label)
        check_option(layer.num_blocks is None, label, "num_blocks", "None", layer.num_blocks)
        check_option(isinstance(layer.in_channels, int), label, "in_channels", "one number", layer.in_channels)

    def attach(self, quant: QuantConfig) -> None:
        """Add quantizers of input, messages and matrices."""
        self.input_quantizer = make_input(quant)
        self.message_quantizers = nn.ModuleList([quant.make("messages") for _ in range(self.num_relations)])
        self.weight_quantizers = nn.ModuleList(
            [quant.make("weights", self.out_channels) for _ in range(self.num_relations)]
        )
        if self.root is not None:
            self.root_quantizer = quant.make("weights", self.out_channels)

    def matrices(self) -> Tensor:
        """Return the matrix of each relation [R, F_in, F_out], put together from the bases where there are."""
        weight: Tensor = self.weight
        return weight if self.comp is None else torch.einsum("rb,bfo->rfo", self.comp, weight)

    def forward(self, x: Tensor, edge_index: Tensor, edge_type: Tensor | None = None) -> Tensor:
        """Return y [N, F_out]."""
        if edge_type is None:
            raise ArgumentError(
                f"Expected `edge_type` of {type(self).__name__} to be a tensor [E] (got None). "
                "Pass the relation of each edge."
            )
        x = self.input_quantizer(check_features(self, x))
        edge_index = check_edges(self, edge_index, (len(x), len(x)))
        y = x.new_zeros(len(x), self.out_channels)
        for relation, matrix in enumerate(self.matrices()):
            sources, targets = edge_index[:, edge_type == relation]
            edges = Edges(sources, targets, (len(x), len(x)))
            h = x @ self.weight_quantizers[relation](matrix)
            y = y + self.reduce(
                self.messages(h, edges, self.message_quantizers[relation]), edges, REDUCTIONS[self.aggr]
            )
        y = y if self.root is None else y + x @ self.root_quantizer(self.root)
        return y if self.bias is None else y + self.bias

    def emit(self, builder: PlanBuilder, x: Value, edge_index: object, edge_type: object = None) -> Value:
        """Append a product and an aggregation for each relation."""
        check_graph(self, "edge_type", edge_type)
        x = builder.quantized(check_value(self, "x", x), self.input_quantizer.law())
        y = None
        if self.root is not None:
            y = emit_product(builder, x, self.root, self.root_quantizer, self.bias)
        for relation, matrix in enumerate(self.matrices()):
            h = emit_product(builder, x, matrix, self.weight_quantizers[relation])
            skip: dict[str, Any] = {} if y is None else {"skip": y.number, "skip_weight": 1.0}
            y = self.emit_aggregate(
                builder,
                h,
                edge_index,
                reduction=REDUCTIONS[self.aggr],
                relation=relation,
                message=self.message_quantizers[relation].law(),
                **skip,
            )
        assert y is not None
        if self.root is None and self.bias is not None:
            y = builder.add(CombineOp((y.number,), (1.0,), bias=vector(self.bias)), y.num_channels)
        return y
