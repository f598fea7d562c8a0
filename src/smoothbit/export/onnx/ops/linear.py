"""Features and linear layers: integer products of codes."""

from __future__ import annotations

import numpy as np

from smoothbit.engine.ops.linear import LARGEST_SIZE, SMALLEST_SIZE, dense_epilogue
from smoothbit.errors import UnsupportedError
from smoothbit.export.onnx.ops.scope import OPERATIONS, Scope
from smoothbit.export.onnx.values import (
    Codes,
    Reals,
    Value,
    finish,
    integers,
    quantize,
    term,
    weight_codes,
    weight_reals,
)
from smoothbit.export.onnx.writer import Writer
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import FeaturesOp, LinearOp
from smoothbit.kernels import Epilogue
from smoothbit.numerics.affine import AffineLaw


@OPERATIONS.register("features")
def write_features(op: FeaturesOp, scope: Scope) -> Value:
    """Read `x`, with a factor for each row where the features have one.

    Raises:
        UnsupportedError: the grid of features with a row factor does not hold 0.
    """
    w = scope.writer
    x = w.input("x")
    if "row_scale" in w.given:
        row_scale = w.column(w.input("row_scale"))
    elif w.splits_rows:
        largest = w.add("ReduceMax", x, w.constant([1], np.int64), keepdims=1)
        row_scale = w.add("Where", w.add("Equal", largest, w.constant(0)), w.constant(1), largest)
        x = w.add("Div", x, row_scale)
    else:
        return Reals(x, op.num_features) if op.law is None else quantize(w, x, op.law, op.num_features)
    if op.law is None:
        return Reals(x, op.num_features, row_scale)
    if op.law.phase[0] != 0 or op.law.divisor > 1:
        raise UnsupportedError(
            f"Expected the law of features with a row factor to hold 0 (got phase {op.law.phase[0]}, divisor "
            f"{op.law.divisor}). Export with the factor multiplied into `x`, or run this model with the engine."
        )
    return Codes(quantize(w, x, op.law, op.num_features).name, op.num_features, op.law, row_scale)


@OPERATIONS.register("linear")
def write_linear(op: LinearOp, scope: Scope) -> Value:
    """Return X W + bias: integers where both sides are codes, as in `engine.ops.linear`."""
    w, source = scope.writer, scope.value(op.source)
    if op.rows is not None and isinstance(op.weight, PackedTensor):
        return _product_of_rows(op, op.rows, op.weight, w, term(w, source))
    if not isinstance(op.weight, PackedTensor) or not isinstance(source, Codes):
        return _float_product(op, w, source)
    law, weight, weight_law, channels = source.law, weight_codes(w, op.weight), op.weight.law, op.weight.shape[1]
    if source.row_scale is None:
        sums = w.add("MatMulInteger", source.bytes(w), weight)
        return finish(w, sums, dense_epilogue(op, law), row_term=_row_sums(w, integers(w, source)))
    # Sparse features: absent entries are the integer 0, so what is multiplied are differences to the zero point.
    sums = w.add("MatMulInteger", source.bytes(w), weight, w.constant(law.zero_point[0], np.uint8))
    centered = w.add("Sub", integers(w, source), w.constant(law.zero_point[0], np.int32))
    epilogue = Epilogue(
        channels,
        col_scale=law.scale[0] * weight_law.expand(weight_law.step, channels),
        col_term=law.scale[0] * weight_law.expand(weight_law.offset, channels),
        col_bias=op.bias,
        has_relu=op.has_relu,
        output=op.output,
    )
    return finish(w, sums, epilogue, row_term=_row_sums(w, centered), row_scale=source.row_scale)


def _product_of_rows(op: LinearOp, law: AffineLaw, weight: PackedTensor, w: Writer, x: str) -> Value:
    """Return the product of codes of x_i / r_i, times r_i = max_j |x_ij|."""
    largest = w.add("ReduceMax", w.add("Abs", x), w.constant([1], np.int64), keepdims=1)
    is_small = w.add("Less", largest, w.constant(SMALLEST_SIZE))
    sizes = w.add("Where", is_small, w.constant(1), w.add("Min", largest, w.constant(LARGEST_SIZE)))
    codes = quantize(w, w.add("Mul", x, w.add("Div", w.constant(1), sizes)), law, weight.num_rows)
    sums = w.add("MatMulInteger", codes.bytes(w), weight_codes(w, weight))
    epilogue = dense_epilogue(op, law, np.ones(1, np.float32))
    terms = [w.add("Mul", sizes, w.constant(added.step)) for added in epilogue.terms]
    return finish(w, sums, epilogue, row_term=_row_sums(w, integers(w, codes)), row_scale=sizes, terms=terms)


def _float_product(op: LinearOp, w: Writer, source: Value) -> Value:
    weight = weight_reals(w, op.weight) if isinstance(op.weight, PackedTensor) else w.constant(op.weight)
    w.is_exact = False
    product = w.add("MatMul", term(w, source), weight)
    epilogue = Epilogue(op.weight.shape[1], col_bias=op.bias, has_relu=op.has_relu, output=op.output)
    return finish(w, None, epilogue, terms=[product])


def _row_sums(w: Writer, numbers: str) -> str:
    return w.real(w.add("ReduceSum", numbers, w.constant([1], np.int64), keepdims=1))
