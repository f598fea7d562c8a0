"""Linear layer on sparse or dense codes, and on float32 for the FP32 model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smoothbit.engine.backend import aligned_rows
from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import Dense, SparseCodes, SparseValues, num_rows, row_constant, term
from smoothbit.errors import ShapeError
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import LinearOp
from smoothbit.kernels import Epilogue, Term
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.csr import CSR
from smoothbit.typing import Float32Array, Float64Array, UInt8Array

SMALLEST_SIZE = np.finfo(np.float32).tiny
LARGEST_SIZE = np.finfo(np.float32).max


@OPS.register("linear")
def run_linear(op: LinearOp, context: Context) -> Dense:
    """Return quantize(relu(X W + bias)) with exact integer sums where both sides are codes.

    With X^ = xs * c + xo and W^ = ws * w + wo the product is
    ``xs ws (sum c w) + xs wo (sum c) + xo (ws sum w + depth wo)``: an integer sum, a rank-one
    term and a constant for each column. Where X^ has a law or a factor for each node, xs is a factor of
    the row and the constant one of row and column.

    Raises:
        ShapeError: the output has a law for each node of another graph.
    """
    channels = op.weight.shape[1]
    if op.output is None or op.output.granularity != "per_node":
        return context.finish(_product(op, context), channels, op.output, "activations")
    values = _product(replace(op, output=None), context).view(np.float32)
    return context.finish(_quantize_nodes(values, op.output, context), channels, op.output, "activations")


def _product(op: LinearOp, context: Context) -> UInt8Array | Float32Array:
    source = context.values[op.source]
    row_scale = None
    if op.rows is not None:
        source, row_scale = _quantize_rows(op.rows, context.decoded(context.dense(op.source)), context)
    if not isinstance(op.weight, PackedTensor) or not isinstance(source, (SparseCodes, PackedTensor)):
        return _product_f32(op, context)
    if isinstance(source, SparseCodes):
        num_bits = op.weight.law.num_bits
        rows = aligned_rows(op.weight.data, op.weight.num_channels, num_bits)
        return context.backend.spmm(source.pattern, rows, num_bits, source.weights, _sparse_epilogue(op, source))
    return context.backend.gemm(
        source.data,
        source.law.num_bits,
        source.num_channels,
        op.weight.data,
        op.weight.law.num_bits,
        dense_epilogue(op, source.law, row_scale),
    )


def _quantize_rows(law: AffineLaw, values: Float32Array, context: Context) -> tuple[Dense, Float32Array]:
    """Return codes of x_i / r_i and r [N], the largest magnitude of each row."""
    shape = (len(values), 1)
    sizes = context.compute(lambda: row_sizes(values), shape)
    inverse = context.compute(lambda: np.float32(1) / sizes, shape)
    codes = context.combine([term(values, 1.0, inverse.reshape(-1))], values, law, "inputs")
    return codes, sizes.reshape(-1)


def row_sizes(values: Float32Array) -> Float32Array:
    """Return max_j |x_ij| of each row [N, 1]; finite, and 1 where it has no normal float32 inverse."""
    sizes: Float32Array = np.minimum(np.abs(values).max(axis=1, keepdims=True, initial=0), LARGEST_SIZE)
    sizes[sizes < SMALLEST_SIZE] = 1
    return sizes


def _quantize_nodes(values: Float32Array, law: AffineLaw, context: Context) -> UInt8Array | Float32Array:
    """Return packed codes rint(x * inv_scale[i] + phase[i]): row factor and row constant before a unit law."""
    if len(law.scale) != len(values):
        raise ShapeError(
            f"Expected `graph` to have {len(law.scale)} nodes, one for each step of the model (got {len(values)}). "
            "A model with a law for each node runs on the graph it was trained on."
        )
    channels = values.shape[1]
    ones = np.ones(channels, dtype=np.float32)
    terms = (Term(values, 32, ones, None, law.inv_scale), row_constant(law.phase, ones))
    unit = per_tensor_law(law.num_bits, 1.0)
    return context.backend.combine(len(values), Epilogue(channels, terms=terms, output=unit))


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


def dense_epilogue(op: LinearOp, source: AffineLaw, row_scale: Float32Array | None = None) -> Epilogue:
    """Return the epilogue of a product of codes [N, F_in] of the law `source` with a packed weight.

    Args:
        op: The layer.
        source: Law of the codes.
        row_scale: Factor of each row of decoded codes [N], for a law per tensor, or None.
    """
    weight = op.weight
    assert isinstance(weight, PackedTensor)
    channels, law = weight.num_channels, weight.law
    step, offset = law.expand(law.step, channels), law.expand(law.offset, channels)
    if source.granularity == "per_node":
        constant = _column_sums(weight, step, offset).astype(np.float32)
        return _row_epilogue(op, step, offset, source.step, (row_constant(source.offset, constant),))
    source_step, source_offset = source.step[0], source.offset[0]
    if row_scale is not None:
        constant = (np.float64(source_offset) * _column_sums(weight, step, offset)).astype(np.float32)
        terms = (row_constant(row_scale, constant),) if source_offset != 0 else ()
        return _row_epilogue(op, source_step * step, source_step * offset, row_scale, terms)
    return Epilogue(
        channels,
        col_scale=source_step * step,
        col_term=source_step * offset,
        col_bias=_column_constant(op, source_offset, step, offset),
        has_relu=op.has_relu,
        output=op.output,
    )


def _row_epilogue(
    op: LinearOp, step: Float32Array, offset: Float32Array, row_scale: Float32Array, terms: tuple[Term, ...]
) -> Epilogue:
    """Return the epilogue of sums with a factor for each row; `step` and `offset` [F] are what one code adds."""
    return Epilogue(
        len(step),
        col_scale=step,
        col_term=offset,
        row_scale=row_scale,
        col_bias=op.bias,
        terms=terms,
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
    constant = np.float64(source_offset) * _column_sums(op.weight, step, offset)
    if op.bias is not None:
        constant = constant + op.bias
    rounded: Float32Array = constant.astype(np.float32)
    return rounded


def _column_sums(weight: PackedTensor, step: Float32Array, offset: Float32Array) -> Float64Array:
    """Return the sum of each column of W^, ws sum w + depth wo."""
    sums: Float64Array = step.astype(np.float64) * weight.codes().sum(axis=0, dtype=np.int64)
    return sums + weight.num_rows * offset.astype(np.float64)


def _product_f32(op: LinearOp, context: Context) -> UInt8Array | Float32Array:
    """Return the product where a side is float32; codes of the other side are decoded first."""
    source = context.values[op.source]
    weight = op.weight.dequantize() if isinstance(op.weight, PackedTensor) else op.weight
    if isinstance(source, SparseValues):
        product = context.backend.spmm_f32(source.matrix, weight, source.row_scale, 1.0)
    elif isinstance(source, SparseCodes):
        values = None if source.weights is None else source.weights.astype(np.float32)
        matrix = CSR(source.pattern.indptr, source.pattern.indices, source.pattern.num_cols, values)
        product = context.backend.spmm_f32(matrix, weight, source.row_scale, float(source.scale))
    else:
        if isinstance(source, PackedTensor):
            decoded = Epilogue(source.num_channels, terms=(term(source, 1.0),))
            source = context.backend.combine(source.num_rows, decoded).view(np.float32)
        assert isinstance(source, np.ndarray)
        product = context.backend.matmul_f32(source, weight)
    channels = op.weight.shape[1]
    epilogue = Epilogue(channels, col_bias=op.bias, terms=(term(product, 1.0),), has_relu=op.has_relu, output=op.output)
    return context.backend.combine(num_rows(product), epilogue)
