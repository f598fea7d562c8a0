"""ChebConv."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import ChebConv

from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.formats.schema import CombineOp
from smoothbit.nn.edges import Edges
from smoothbit.nn.layers.base import check_features, check_option, check_value, register
from smoothbit.nn.layers.conv import QuantConv
from smoothbit.nn.layers.linear import AnyLinear, convert_inner, vector
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.quant import QuantConfig


@register(ChebConv)
class QuantChebConv(QuantConv, ChebConv):
    """y = sum_k T_k(L^) x W_k' + bias with L^ = 2 L / lambda_max - I, by Clenshaw's recurrence.

    ::
        b_k = x W_k' + 2 L^ b_{k+1} - b_{k+2}        y = x W_0' + L^ b_1 - b_2 + bias        b_K = b_{K+1} = 0

    It multiplies first, so that F_out channels are sent in each step, and reads x once.

    Reference:
        Clenshaw 1955. Departure from PyG: the sum is the same, its order is not.
    """

    @classmethod
    def check(cls, layer: ChebConv, label: str) -> None:
        """Refuse other Laplacians than the symmetric one."""
        super().check(layer, label)
        AnyLinear.check(layer, label)
        check_option(layer.normalization == "sym", label, "normalization", "'sym'", layer.normalization)

    def attach(self, quant: QuantConfig) -> None:
        """Quantize the matrices, their input, and the messages of each step."""
        self.input_quantizer = quant.make("inputs")
        self.message_quantizers = nn.ModuleList([quant.make("messages") for _ in range(len(self.lins) - 1)])
        for linear in self.lins:
            convert_inner(linear, quant)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        lambda_max: Tensor | float | None = None,
    ) -> Tensor:
        """Return y [N, F_out]."""
        x = self.input_quantizer(check_features(self, x))
        edges = self.read_edges(edge_index, edge_weight, (len(x), len(x)), is_normalized=True)
        self._check_edges(edges, edge_weight, lambda_max)
        ratio = _ratio(self, lambda_max)
        after, later = self.lins[-1].multiply(x), None  # b_{k+1} and b_{k+2}
        for k, quantizer in zip(range(len(self.lins) - 2, -1, -1), self.message_quantizers, strict=True):
            factor = 1.0 if k == 0 else 2.0
            a = self.reduce(self.messages(after, edges, quantizer), edges)
            b = -factor * ratio * a + self.lins[k].multiply(x)
            if ratio != 1.0:
                b = b + factor * (ratio - 1.0) * after
            after, later = b if later is None else b - later, after
        y = torch.as_tensor(after)
        return y if self.bias is None else y + self.bias

    def emit(
        self,
        builder: PlanBuilder,
        x: Value,
        edge_index: object,
        edge_weight: object = None,
        batch: object = None,
        lambda_max: Tensor | float | None = None,
    ) -> Value:
        """Append the products and one aggregation for each step."""
        x = builder.quantized(check_value(self, "x", x), self.input_quantizer.law())
        ratio, bias = _ratio(self, lambda_max), vector(self.bias)
        if len(self.lins) == 1:
            y = self.lins[0].emit_product(builder, x)
            return builder.add(CombineOp((y.number,), (1.0,), bias=bias), y.num_channels)
        after: Value = self.lins[-1].emit_product(builder, x)
        later: Value | None = None
        for k, quantizer in zip(range(len(self.lins) - 2, -1, -1), self.message_quantizers, strict=True):
            factor = 1.0 if k == 0 else 2.0
            b = self.emit_aggregate(
                builder,
                after,
                edge_index,
                edge_weight,
                is_normalized=True,
                message=quantizer.law(),
                aggregate_weight=-factor * ratio,
                skip=self.lins[k].emit_product(builder, x).number,
                skip_weight=1.0,
                bias=bias if k == 0 else None,
            )
            terms = [(b.number, 1.0)]
            terms += [] if ratio == 1.0 else [(after.number, factor * (ratio - 1.0))]
            terms += [] if later is None else [(later.number, -1.0)]
            if len(terms) > 1:
                numbers, weights = zip(*terms, strict=True)
                b = builder.add(CombineOp(numbers, weights), b.num_channels)
            after, later = b, after
        return after

    def _check_edges(self, edges: Edges, edge_weight: Tensor | None, lambda_max: object) -> None:
        """Refuse graphs whose Laplacian is not that of an aggregation: PyG takes degrees of senders, without loops."""
        if torch.compiler.is_compiling():
            return
        ones = torch.ones_like(edges.sources, dtype=torch.float32)
        weight = ones if edge_weight is None else edge_weight.detach()
        sent, received = (
            torch.zeros(edges.num_nodes[0], device=ones.device).index_add(0, ends, weight)
            for ends in (edges.sources, edges.targets)
        )
        if not torch.allclose(sent, received, rtol=1e-5, atol=1e-6):
            raise ArgumentError(
                f"Expected every node of {type(self).__name__} to send what it receives (got "
                f"{float((sent - received).abs().max()):g} difference). Make the graph undirected: T.ToUndirected()."
            )
        if bool((edges.sources == edges.targets).any()):
            raise ArgumentError(
                f"Expected the graph of {type(self).__name__} to have no self-loops (got some), which a Laplacian "
                "leaves out. Remove them: T.RemoveSelfLoops()."
            )
        if lambda_max is None and edge_weight is not None and bool((edge_weight < 0).any()):
            raise ArgumentError(
                f"Expected `lambda_max` of {type(self).__name__} to be given where weights are negative (got None). "
                "Pass the largest eigenvalue of the Laplacian."
            )


def _ratio(layer: nn.Module, lambda_max: Tensor | float | None) -> float:
    """Return 2 / lambda_max; PyG's default, twice the largest entry of the Laplacian, is 2."""
    if isinstance(lambda_max, Tensor) and lambda_max.numel() > 1:
        raise UnsupportedError(
            f"Expected `lambda_max` of {type(layer).__name__} to be one number (got {list(lambda_max.shape)}). "
            "Pass the largest of all graphs."
        )
    return 2.0 / float(2.0 if lambda_max is None else lambda_max)
