"""Torch functions that a network may call between its layers, each as an operation of a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from smoothbit.errors import UnsupportedError
from smoothbit.formats.schema import ActivateOp, CombineOp, ConcatOp, NormalizeOp, ReadoutOp
from smoothbit.nn.plan_builder import PlanBuilder, Value
from smoothbit.typing import Float32Array

QUERIES = frozenset({"dropout", "alpha_dropout", "contiguous", "clone", "detach", "to", "float", "cpu", "cuda"})
"""Functions whose result is their argument, in evaluation."""

Emitter = Callable[..., Value]


def _relu(builder: PlanBuilder, x: Value, *_: Any, **__: Any) -> Value:
    return builder.add(CombineOp((_float(builder, x),), (1.0,), has_relu=True), x.num_channels)


def _activation(function: str, slope: float = 0.0, name: str = "") -> Emitter:
    """Return the emitter of an activation; `name` is its keyword for the slope."""

    def emit(builder: PlanBuilder, x: Value, *args: Any, **kwargs: Any) -> Value:
        chosen = kwargs.get(name, args[0] if args and name else slope)
        if kwargs.get("approximate", "none") != "none":
            raise UnsupportedError(
                f"Expected `approximate` to be 'none' (got {kwargs['approximate']!r}). The engine has the exact GELU."
            )
        return builder.add(ActivateOp(_float(builder, x), function, float(chosen)), x.num_channels)

    return emit


def _add(builder: PlanBuilder, x: Any, y: Any, *, alpha: float = 1.0, **_: Any) -> Value:
    return _sum(builder, x, 1.0, y, float(alpha))


def _sub(builder: PlanBuilder, x: Any, y: Any, *, alpha: float = 1.0, **_: Any) -> Value:
    return _sum(builder, x, 1.0, y, -float(alpha))


def _rsub(builder: PlanBuilder, x: Any, y: Any, **_: Any) -> Value:
    return _sum(builder, x, -1.0, y, 1.0)


def _sum(builder: PlanBuilder, x: Any, x_weight: float, y: Any, y_weight: float) -> Value:
    """Return x_weight x + y_weight y, where either may be a number or a constant of the network."""
    values = [(v, w) for v, w in ((x, x_weight), (y, y_weight)) if isinstance(v, Value)]
    width = values[0][0].num_channels
    if any(value.num_channels != width for value, _ in values):
        raise UnsupportedError(
            f"Expected both sides of a sum to have {width} channels (got {values[1][0].num_channels}). "
            "Broadcasting over channels is not supported."
        )
    constants = [(v, w) for v, w in ((x, x_weight), (y, y_weight)) if not isinstance(v, Value)]
    bias = None if not constants else np.float32(constants[0][1]) * _vector(constants[0][0], width)
    numbers = tuple(_float(builder, value) for value, _ in values)
    return builder.add(CombineOp(numbers, tuple(weight for _, weight in values), bias=bias), width)


def _mul(builder: PlanBuilder, x: Any, y: Any, **_: Any) -> Value:
    value, factor = (x, y) if isinstance(x, Value) else (y, x)
    if isinstance(factor, Value):
        raise UnsupportedError("Expected a product to have one side that is a constant (got two node values). Gates of "
                               "this kind are not supported.")  # fmt: skip
    number = _float(builder, value)
    if isinstance(factor, (int, float)):
        return builder.add(CombineOp((number,), (float(factor),)), value.num_channels)
    scale = _vector(factor, value.num_channels)
    return builder.add(CombineOp((number,), (1.0,), scale=scale), value.num_channels)


def _div(builder: PlanBuilder, x: Any, y: Any, **_: Any) -> Value:
    if isinstance(y, Value):
        raise UnsupportedError("Expected a divisor to be a constant (got a node value). Use F.normalize.")
    return _mul(builder, x, 1.0 / y)


def _neg(builder: PlanBuilder, x: Value) -> Value:
    return _mul(builder, x, -1.0)


def _cat(builder: PlanBuilder, tensors: Sequence[Any], dim: int = 0, **_: Any) -> Value:
    if dim not in (-1, 1):
        raise UnsupportedError(f"Expected `dim` of a concatenation to be -1 or 1 (got {dim}). Concatenate channels.")
    return concatenate(builder, tensors, is_max=False)


def concatenate(builder: PlanBuilder, values: Sequence[Value], *, is_max: bool) -> Value:
    """Append a concatenation, or an elementwise maximum, of node values.

    Raises:
        UnsupportedError: a constant is among them.
    """
    if not all(isinstance(value, Value) for value in values):
        raise UnsupportedError("Expected only node values to be concatenated (got a constant). Add it to the features.")
    widths = [value.num_channels for value in values]
    op = ConcatOp(tuple(_float(builder, value) for value in values), is_max=is_max)
    return builder.add(op, widths[0] if is_max else sum(widths))


def _maximum(builder: PlanBuilder, x: Any, y: Any) -> Value:
    return concatenate(builder, [x, y], is_max=True)


def _log_softmax(builder: PlanBuilder, x: Value, dim: int | None = None, *_: Any, **__: Any) -> Value:
    """Return x: the last step of a classifier does not change which class is first, so the engine leaves it out."""
    if dim not in (-1, 1):
        raise UnsupportedError(f"Expected `dim` of a softmax to be -1 or 1 (got {dim}). Classes are channels.")
    return x


def _normalize(builder: PlanBuilder, x: Value, p: float = 2.0, dim: int = 1, eps: float = 1e-12, **_: Any) -> Value:
    if p != 2 or dim not in (-1, 1):
        raise UnsupportedError(
            f"Expected a normalisation by the L2 norm of rows (got p={p}, dim={dim}). Use p=2, dim=-1."
        )
    return builder.add(NormalizeOp(_float(builder, x), "length", float(eps)), x.num_channels)


def _whole_graph(reduce: str) -> Emitter:
    def emit(builder: PlanBuilder, x: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
        if dim not in (0, -2, (0,), [0]) or not keepdim:
            raise UnsupportedError(
                f"Expected a {reduce} over all nodes (dim=0, keepdim=True) (got dim={dim}, keepdim={keepdim}). "
                "Use global pooling."
            )
        return builder.add(ReadoutOp(_float(builder, x), reduce), x.num_channels)

    return emit


def _float(builder: PlanBuilder, x: Value) -> int:
    """Return the number of `x`; the node features become a value of the plan."""
    return builder.quantized(x, None).number


def _vector(constant: Any, width: int) -> Float32Array:
    """Return a constant of the network, a number or one for each channel, as [F] float32."""
    array = constant.detach().cpu().numpy() if isinstance(constant, Tensor) else np.asarray(constant)
    if array.size not in (1, width):
        raise UnsupportedError(
            f"Expected a constant beside node values to have 1 or {width} elements (got {list(array.shape)}). "
            "Constants for each node are not supported."
        )
    vector: Float32Array = np.broadcast_to(array.reshape(-1).astype(np.float32), (width,)).copy()
    return vector


FUNCTIONS: dict[str, Emitter] = {
    **dict.fromkeys(("relu", "relu_"), _relu),
    **dict.fromkeys(("leaky_relu", "leaky_relu_"), _activation("leaky_relu", 0.01, "negative_slope")),
    **dict.fromkeys(("elu", "elu_"), _activation("elu", 1.0, "alpha")),
    **dict.fromkeys(("selu", "selu_"), _activation("selu")),
    "gelu": _activation("gelu"),
    "silu": _activation("silu"),
    "softplus": _activation("softplus"),
    **dict.fromkeys(("sigmoid", "sigmoid_"), _activation("sigmoid")),
    **dict.fromkeys(("tanh", "tanh_"), _activation("tanh")),
    **dict.fromkeys(("add", "add_", "__add__", "__radd__", "__iadd__"), _add),
    **dict.fromkeys(("sub", "sub_", "__sub__", "__isub__"), _sub),
    **dict.fromkeys(("rsub", "__rsub__"), _rsub),
    **dict.fromkeys(("mul", "mul_", "__mul__", "__rmul__", "__imul__"), _mul),
    **dict.fromkeys(("div", "div_", "true_divide", "__truediv__", "__itruediv__"), _div),
    **dict.fromkeys(("neg", "__neg__"), _neg),
    **dict.fromkeys(("cat", "concat", "hstack"), _cat),
    "maximum": _maximum,
    **dict.fromkeys(("log_softmax", "softmax"), _log_softmax),
    "normalize": _normalize,
    "sum": _whole_graph("sum"),
    "mean": _whole_graph("mean"),
    **dict.fromkeys(("amax", "max"), _whole_graph("max")),
}
"""Emitters by the name of the function: called with the plan and the arguments of the call."""
