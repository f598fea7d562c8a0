"""Linear layer on sparse or dense codes, and on float32 for the FP32 model."""

from __future__ import annotations

import numpy as np

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import Dense, SparseCodes, SparseValues, num_rows, term
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import LinearOp
from smoothbit.kernels import Epilogue
from smoothbit.typing import Float32Array


@OPS.register("linear")
def run_linear(op: LinearOp, context: Context) -> Dense:
    """Return quantize(relu(X W + bias)) with exact integer sums where both sides are codes.

    With X^ = xs * c + xo and W^ = ws * w + wo the product is
    ``xs ws (sum c w) + xs wo (sum c) + xo (ws sum w + depth wo)``: an integer sum, a rank-one
    term and a constant for each column.
    """
    source = context.values[op.source]
    if not isinstance(op.weight, PackedTensor):
        return _run_f32(op, context)
    if isinstance(source, SparseCodes):
        array = context.backend.spmm(
            source.pattern, op.weight.data, op.weight.law.num_bits, source.weights, _sparse_epilogue(op, source)
        )
    else:
        assert isinstance(source, PackedTensor)
        array = context.backend.gemm(
            source.data,
            source.law.num_bits,
            source.num_channels,
            op.weight.data,
            op.weight.law.num_bits,
            _dense_epilogue(op, source),
        )
    return context.finish(array, op.weight.num_channels, op.output, "activations")


def _sparse_epilogue(op: LinearOp, source: SparseCodes) -> Epilogue:
    weight = op.weight
    assert isinstance(weight, PackedTensor)
    channels = weight.num_channels
    return Epilogue(
        channels,
        col_scale=source.scale * weight.law.expand(weight.law.step, channels),
        row_term=source.row_sums,
        col_term=source.scale * weight.law.expand(weight.law.offset, channels),
        row_scale=source.row_scale,
        col_bias=op.bias,
        has_relu=op.has_relu,
        output=op.output,
    )


def _dense_epilogue(op: LinearOp, source: PackedTensor) -> Epilogue:
    weight = op.weight
    assert isinstance(weight, PackedTensor)
    channels, law = weight.num_channels, weight.law
    step, offset = law.expand(law.step, channels), law.expand(law.offset, channels)
    source_step, source_offset = source.law.step[0], source.law.offset[0]
    return Epilogue(
        channels,
        col_scale=source_step * step,
        col_term=source_step * offset,
        col_bias=_column_constant(op, source_offset, step, offset),
        has_relu=op.has_relu,
        output=op.output,
    )


def _column_constant(
    op: LinearOp, source_offset: np.float32, step: Float32Array, offset: Float32Array
) -> Float32Array | None:
    """Return bias + xo (ws sum w + depth wo), computed in float64 and rounded once."""
    if source_offset == 0:
        return op.bias
    assert isinstance(op.weight, PackedTensor)
    column_sums = op.weight.codes().sum(axis=0, dtype=np.int64)
    depth = op.weight.num_rows
    constant = np.float64(source_offset) * (step.astype(np.float64) * column_sums + depth * offset.astype(np.float64))
    if op.bias is not None:
        constant = constant + op.bias
    rounded: Float32Array = constant.astype(np.float32)
    return rounded


def _run_f32(op: LinearOp, context: Context) -> Dense:
    source = context.values[op.source]
    assert isinstance(op.weight, np.ndarray)
    if isinstance(source, SparseValues):
        product = context.backend.spmm_f32(source.matrix, op.weight, source.row_scale, 1.0)
    else:
        dense = source.dequantize() if isinstance(source, PackedTensor) else source
        assert isinstance(dense, np.ndarray)
        product = context.backend.matmul_f32(dense, op.weight)
    channels = op.weight.shape[1]
    epilogue = Epilogue(channels, col_bias=op.bias, terms=(term(product, 1.0),), has_relu=op.has_relu, output=op.output)
    return context.finish(context.backend.combine(num_rows(product), epilogue), channels, op.output, "activations")
