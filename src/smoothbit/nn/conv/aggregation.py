"""Quantized aggregation of one layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smoothbit.formats.schema import DiffuseOp
from smoothbit.nn.graph import TorchGraph
from smoothbit.quant import FloatStage, QuantConfig


class Aggregation(nn.Module):
    r"""h' = Q_u(relu((1 - skip_weight) A^ h + skip_weight h_0)), sums over quantized messages.

    Args:
        num_channels: F.
        quant: Quantization of message, aggregate and update.
        skip_weight: Share of h_0; 0 for none.
        has_relu: Whether negative values become 0 before they are quantized.
        has_output_quantizer: False leaves aggregate and update exact, because they are class scores.

    Shapes:
        h, h_0: [N, F] float32; output [N, F] float32.

    Reference:
        Kipf and Welling 2017, eq. 2. Departure: message and sum are those of u = D^-1/2 h
        (docs/numerics.md), so that each node's message is quantized once.
    """

    def __init__(
        self,
        num_channels: int,
        quant: QuantConfig,
        *,
        skip_weight: float = 0.0,
        has_relu: bool = False,
        has_output_quantizer: bool = True,
    ) -> None:
        super().__init__()
        self.skip_weight = skip_weight
        self.has_relu = has_relu
        self.message = quant.make("messages", num_channels)
        self.aggregate = quant.make("aggregates", num_channels) if has_output_quantizer else FloatStage()
        self.update = quant.make("updates", num_channels) if has_output_quantizer else FloatStage()

    def forward(self, h: Tensor, graph: TorchGraph, initial: Tensor | None = None) -> Tensor:
        """Return h' [N, F]; `initial` is h_0, or None without a skip."""
        update = (1.0 - self.skip_weight) * self.aggregate(graph.mean(self.message(graph.rsqrt_degree * h)))
        if initial is not None:
            update = update + self.skip_weight * (graph.rsqrt_degree * initial)
        update = graph.sqrt_degree * update
        return torch.as_tensor(self.update(update.relu() if self.has_relu else update))

    def to_op(self, source: int, initial: int | None = None) -> DiffuseOp:
        """Return the operation of the engine that reads value `source`, h_0 from value `initial`."""
        return DiffuseOp(
            source=source,
            num_steps=1,
            self_weight=0.0,
            aggregate_weight=1.0 - self.skip_weight,
            skip_weight=self.skip_weight,
            correction_self=(),
            correction_aggregate=(),
            message=self.message.law(),
            aggregates=(self.aggregate.law(),),
            updates=(self.update.law(),),
            skip=initial,
            has_relu=self.has_relu,
        )

    def extra_repr(self) -> str:
        """Show skip and activation."""
        return f"skip_weight={self.skip_weight}, relu={self.has_relu}"
