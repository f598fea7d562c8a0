"""Quantize the node features: the first operation of every plan."""

from __future__ import annotations

import numpy as np

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import SparseCodes, SparseValues, Value, term
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.formats.schema import FeaturesOp
from smoothbit.numerics.affine import AffineLaw, quantize
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import Float32Array, Int16Array


@OPS.register("features")
def run_features(op: FeaturesOp, context: Context) -> Value:
    """Return the features as `SparseCodes`, `PackedTensor`, `SparseValues` or float32.

    Raises:
        ShapeError: the model was trained on another number of features.
        ArgumentError: the features are sparse and the law's grid does not hold 0, or the model was trained on
            rows that hold one number and these hold others.
    """
    features = context.features
    if features.num_features != op.num_features:
        raise ShapeError(
            f"Expected `features` to have {op.num_features} columns (got {features.num_features}). "
            "Use the data set the model was trained on."
        )
    if isinstance(features.matrix, np.ndarray) and (op.law is not None or features.row_scale is not None):
        _check_row_binary(op, features)
        rows = term(features.matrix, 1.0, features.row_scale)
        return context.combine([rows], features.matrix, op.law, "inputs")
    value = _integer(features, op.law) if op.law is not None else _float(features)
    context.record("inputs", value)
    return value


def is_row_binary(law: AffineLaw | None) -> bool:
    """Return whether codes of the features are 0 and 1 and mean just that: numbers of rows stand beside them."""
    return law is not None and (law.num_bits, law.scale[0], law.zero_point[0], law.phase[0]) == (1, 1, 0, 0)


def _check_row_binary(op: FeaturesOp, features: Features) -> None:
    """Refuse dense features other than 0 and 1 for codes of 1 bit that mean 0 and 1: rounding would lose them."""
    if not is_row_binary(op.law):
        return
    x = features.to_dense()
    is_code = (x == 0) | (x == 1)
    if not is_code.all():
        raise ArgumentError(
            f"Expected `features` to be rows of zeros and one number, that number apart (got {x[~is_code][0]} "
            "in a dense matrix). Pass `model.features(x)`, which takes the factor out."
        )


def _integer(features: Features, law: AffineLaw) -> SparseCodes:
    if law.phase[0] != 0:
        raise ArgumentError(
            f"Expected the law of sparse features to hold 0 (got phase {law.phase[0]}). "
            "Pass dense features, as the model was trained on."
        )
    matrix = features.matrix
    assert isinstance(matrix, CSR)
    one = _integers(np.ones(1, np.float32), law)[0]
    if matrix.values is None and one == 1:  # binary features at rest: nothing to compute for each entry
        return SparseCodes(matrix, None, law.scale[0], features.row_scale, matrix.row_lengths.astype(np.float32))
    integers = np.full(matrix.num_entries, one) if matrix.values is None else _integers(matrix.values, law)
    ends = np.concatenate([[0], np.cumsum(integers, dtype=np.int64)])[matrix.indptr]
    pattern = CSR(matrix.indptr, matrix.indices, matrix.num_cols)
    return SparseCodes(pattern, integers, law.scale[0], features.row_scale, np.diff(ends).astype(np.float32))


def _integers(values: Float32Array, law: AffineLaw) -> Int16Array:
    """Return ``divisor * code - zero_point`` of each value [E], int16."""
    codes = quantize(values[:, None], law)[:, 0].astype(np.int16)
    integers: Int16Array = codes * np.int16(law.divisor) - law.zero_point[0].astype(np.int16)
    return integers


def _float(features: Features) -> Value:
    return SparseValues(features.matrix, features.row_scale) if isinstance(features.matrix, CSR) else features.matrix
