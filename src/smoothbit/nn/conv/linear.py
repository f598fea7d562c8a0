"""Quantized linear layer."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import CombineOp, LinearOp
from smoothbit.nn.inputs import Inputs
from smoothbit.quant import FloatStage, QuantConfig


class QuantLinear(nn.Module):
    """Y = Q_a(relu(X Q_w(W) + bias)).

    Args:
        in_channels: F_in.
        out_channels: F_out.
        quant: Quantization of weights and activations.
        has_relu: Whether negative values become 0 before they are quantized.
        has_output_quantizer: False leaves Y in float32 (class scores, or what is quantized elsewhere).
        has_bias: Whether there is a bias.
        is_summed: Whether neighbours' rows of Y may be added up, which takes one law for all nodes.

    Shapes:
        weight [F_in, F_out], bias [F_out]; input [N, F_in] or `Inputs`; output [N, F_out]; float32.

    Reference:
        DESIGN 2.4. Departure from the paper's code: activations are quantized after the ReLU, so no
        level is spent on values it removes.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        quant: QuantConfig,
        *,
        has_relu: bool,
        has_output_quantizer: bool = True,
        has_bias: bool = True,
        is_summed: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_channels, out_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if has_bias else None
        self.has_relu = has_relu
        self.weight_quantizer = quant.make("weights", out_channels)
        output = quant.make("activations", out_channels, is_summed=is_summed)
        self.output_quantizer = output if has_output_quantizer else FloatStage()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights as `torch.nn.Linear` does, with its bound for the bias too."""
        bound = self.weight.shape[0] ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor | Inputs) -> Tensor:
        """Return Y [N, F_out]."""
        weight = self.weight_quantizer(self.weight)
        if isinstance(x, Tensor):
            y = x @ weight
        elif x.pattern is None:
            y = x.values @ weight
        else:
            y = x.pattern.matmul(x.values, weight)
            y = y if x.row_scale is None else y * x.row_scale
        y = y if self.bias is None else y + self.bias
        return torch.as_tensor(self.output_quantizer(y.relu() if self.has_relu else y))

    def to_op(self, source: int) -> LinearOp:
        """Return the operation of the engine that reads value `source`."""
        weight = self.weight.detach().cpu().numpy()
        law = self.weight_quantizer.law()
        return LinearOp(
            source=source,
            weight=np.array(weight) if law is None else PackedTensor.from_values(weight, law),
            bias=None if self.bias is None else np.array(self.bias.detach().cpu().numpy()),
            has_relu=self.has_relu,
            output=self.output_quantizer.law(),
        )

    def extra_repr(self) -> str:
        """Show sizes and activation."""
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}, relu={self.has_relu}"


class IdentityMapping(nn.Module):
    """Y = Q_a(relu((1 - strength) X + strength X Q_w(W))): a layer near the identity.

    Args:
        num_channels: F, of X and Y.
        quant: Quantization of weights and activations.
        strength: beta in [0, 1].

    Shapes:
        input [N, F], output [N, F]; float32.

    Reference:
        Chen et al. 2020 (GCNII), eq. 5. W alone is quantized: the identity stays exact at every width.
    """

    def __init__(self, num_channels: int, quant: QuantConfig, strength: float) -> None:
        super().__init__()
        self.strength = strength
        self.linear = QuantLinear(
            num_channels, num_channels, quant, has_relu=False, has_output_quantizer=False, has_bias=False
        )
        self.output_quantizer = quant.make("activations", num_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return Y [N, F]."""
        y = (1.0 - self.strength) * x + self.strength * self.linear(x)
        return torch.as_tensor(self.output_quantizer(y.relu()))

    def to_ops(self, source: int) -> tuple[LinearOp, CombineOp]:
        """Return the operations of the engine that read value `source`, one after the other."""
        return self.linear.to_op(source), CombineOp(
            sources=(source, source + 1),
            weights=(1.0 - self.strength, self.strength),
            has_relu=True,
            output=self.output_quantizer.law(),
        )

    def extra_repr(self) -> str:
        """Show the strength."""
        return f"strength={self.strength:g}"
