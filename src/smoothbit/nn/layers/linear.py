"""Linear layers of torch and PyG."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch_geometric.nn import Linear

from smoothbit.errors import ArgumentError
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import LinearOp
from smoothbit.nn.layers.base import QuantLayer, check_option, check_value, convert, register
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.numerics.affine import AffineLaw
from smoothbit.quant import FloatStage, QuantConfig, Quantizer, RowStage, make_input
from smoothbit.typing import Float32Array


class AnyLinear(QuantLayer):
    """y = Q(x) Q_w(W)' + bias; y stays float32 until the next layer quantizes it.

    Shapes:
        weight [F_out, F_in], bias [F_out] or None; input [*, F_in], output [*, F_out]; float32.
    """

    weight: Tensor
    bias: Any

    @classmethod
    def check(cls, layer: nn.Module, label: str) -> None:
        """Refuse a layer that does not know its sizes yet."""
        is_sized = not any(is_lazy(parameter) for parameter in layer.parameters())
        check_option(is_sized, label, "in_channels", "known", -1, "Run the model once before it is quantized.")

    def attach(self, quant: QuantConfig) -> None:
        """Add quantizers of input and weights."""
        self.input_quantizer = make_input(quant, self.weight.shape[1], takes_rows=True)
        self.weight_quantizer = quant.make("weights", self.weight.shape[0])

    def apply_to(self, x: Tensor) -> Tensor:
        """Return y [*, F_out]."""
        if not x.is_floating_point():
            raise ArgumentError(
                f"Expected `x` of {type(self).__name__} to be floating point (got {x.dtype}). Pass `x.float()`."
            )
        y = self.multiply(self.input_quantizer(x))
        return y if self.bias is None else y + self.bias

    def multiply(self, x: Tensor) -> Tensor:
        """Return x Q_w(W)' [N, F_out] for an `x` that is quantized already, without the bias."""
        return x @ torch.as_tensor(self.weight_quantizer(self.weight.t()))

    def emit(self, builder: PlanBuilder, x: Value, *, has_relu: bool = False) -> Value:
        """Append the product, with a ReLU if asked for."""
        stage = self.input_quantizer
        law = stage.law()
        has_rows = isinstance(stage, RowStage) and stage.read_mode() == "rows"
        x = builder.quantized(check_value(self, "x", x), None if has_rows else law)
        rows = law if has_rows else None
        return emit_product(builder, x, self.weight.t(), self.weight_quantizer, self.bias, has_relu=has_relu, rows=rows)

    def emit_product(self, builder: PlanBuilder, x: Value) -> Value:
        """Append what `multiply` computes."""
        return emit_product(builder, x, self.weight.t(), self.weight_quantizer)


def emit_product(
    builder: PlanBuilder,
    x: Value,
    weight: Tensor,
    quantizer: Quantizer | FloatStage,
    bias: Tensor | None = None,
    *,
    has_relu: bool = False,
    rows: AffineLaw | None = None,
) -> Value:
    """Append y = x Q(W) + bias for a weight [F_in, F_out]; `rows` as in `LinearOp`."""
    matrix = np.ascontiguousarray(weight.detach().cpu().numpy())
    law = quantizer.law()
    packed = matrix if law is None else PackedTensor.from_values(matrix, law)
    return builder.add(LinearOp(x.number, packed, vector(bias), has_relu, None, rows), matrix.shape[1])


def vector(tensor: Tensor | None) -> Float32Array | None:
    """Return a copy of a parameter as a float32 vector, or None."""
    return None if tensor is None else np.array(tensor.detach().cpu().reshape(-1).numpy(), dtype=np.float32)


@register(nn.Linear)
class QuantLinear(AnyLinear, nn.Linear):
    """`torch.nn.Linear` in quantized form."""

    def forward(self, input: Tensor) -> Tensor:
        """Return y [*, F_out]."""
        return self.apply_to(input)


@register(Linear)
class QuantPyGLinear(AnyLinear, Linear):
    """`torch_geometric.nn.Linear` in quantized form."""

    def forward(self, x: Tensor) -> Tensor:
        """Return y [*, F_out]."""
        return self.apply_to(x)


def convert_inner(layer: nn.Module, quant: QuantConfig) -> None:
    """Convert a linear layer that is part of another one, which quantizes its input."""
    convert(layer, quant).input_quantizer = FloatStage()
