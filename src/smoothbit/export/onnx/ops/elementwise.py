"""Sums, joins and functions of values. Smooth functions are float64 nodes of ONNX, rounded once to float32."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from onnx import TensorProto

from smoothbit.export.onnx.ops.scope import OPERATIONS, Scope
from smoothbit.export.onnx.values import Value, finish, store, term
from smoothbit.export.onnx.writer import Writer
from smoothbit.formats.schema import ActivateOp, CombineOp, ConcatOp
from smoothbit.kernels import Epilogue
from smoothbit.numerics.elementary import SELU_ALPHA, SELU_SCALE


@OPERATIONS.register("combine")
def write_combine(op: CombineOp, scope: Scope) -> Value:
    """Return a weighted sum of values."""
    sources = [scope.value(number) for number in op.sources]
    pairs = zip(sources, op.weights, strict=True)
    terms = [term(scope.writer, source, weight, channel_scale=op.scale) for source, weight in pairs]
    epilogue = Epilogue(sources[0].channels, col_bias=op.bias, has_relu=op.has_relu, output=op.output)
    return finish(scope.writer, None, epilogue, terms=terms)


@OPERATIONS.register("concat")
def write_concat(op: ConcatOp, scope: Scope) -> Value:
    """Return values side by side, or their largest."""
    w, sources = scope.writer, [scope.value(number) for number in op.sources]
    parts = [term(w, source) for source in sources]
    if op.is_max:
        return store(w, w.add("Max", *parts), op.output, sources[0].channels)
    return store(w, w.add("Concat", *parts, axis=1), op.output, sum(source.channels for source in sources))


@OPERATIONS.register("activate")
def write_activate(op: ActivateOp, scope: Scope) -> Value:
    """Return an activation function of each element."""
    w, source = scope.writer, scope.value(op.source)
    x = term(w, source)
    if op.function in ("leaky_relu", "prelu"):
        slope = w.constant(op.slope if op.slopes is None else op.slopes)
        y = w.add("Where", w.add("Greater", x, w.constant(0)), x, w.add("Mul", x, slope))
    else:
        w.is_exact = False
        exact = _smooth(op, _Wide(w), w.cast(x, TensorProto.DOUBLE))
        y = w.real(exact)
    return store(w, y, op.output, source.channels)


class _Wide:
    """Float64 nodes."""

    def __init__(self, w: Writer) -> None:
        self.w = w

    def __call__(self, kind: str, *inputs: str | float) -> str:
        """Return a node; numbers become constants."""
        return self.w.add(kind, *(x if isinstance(x, str) else self.w.constant(x, np.float64) for x in inputs))


def _smooth(op: ActivateOp, f: _Wide, x: str) -> str:
    def elu(alpha: float) -> str:
        change = f("Mul", f("Sub", f("Exp", f("Min", x, 0.0)), 1.0), alpha)
        return f("Where", f("Greater", x, 0.0), x, change)

    def gelu() -> str:
        ratio = f.w.add("Erf", f.w.real(f("Mul", x, math.sqrt(0.5))))
        return f("Mul", f("Mul", x, 0.5), f("Add", f.w.cast(ratio, TensorProto.DOUBLE), 1.0))

    def softplus() -> str:
        return f("Add", f("Max", x, 0.0), f("Log", f("Add", f("Exp", f("Neg", f("Abs", x))), 1.0)))

    functions: dict[str, Callable[[], str]] = {
        "sigmoid": lambda: f("Sigmoid", x),
        "silu": lambda: f("Mul", x, f("Sigmoid", x)),
        "tanh": lambda: f("Tanh", x),
        "softplus": softplus,
        "gelu": gelu,
        "elu": lambda: elu(op.slope),
        "selu": lambda: f("Mul", elu(SELU_ALPHA), SELU_SCALE),
    }
    return functions[op.function]()
