"""Quantize the node features: the first operation of every plan."""

from __future__ import annotations

import numpy as np

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import SparseCodes, SparseValues, Value
from smoothbit.errors import ShapeError
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import FeaturesOp
from smoothbit.numerics.affine import AffineLaw, quantize
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import Float32Array


@OPS.register("features")
def run_features(op: FeaturesOp, context: Context) -> Value:
    """Return the features as `SparseCodes`, `PackedTensor`, `SparseValues` or float32.

    Raises:
        ShapeError: the model was trained on another number of features.
    """
    features = context.features
    if features.num_features != op.num_features:
        raise ShapeError(
            f"Expected `features` to have {op.num_features} columns (got {features.num_features}). "
            "Use the data set the model was trained on."
        )
    value = _quantized(features, op.law) if op.law is not None else _float(features)
    context.record("inputs", value)
    return value


def _quantized(features: Features, law: AffineLaw) -> Value:
    if not isinstance(features.matrix, CSR):
        return PackedTensor.from_values(_scaled(features), law)
    matrix = features.matrix
    values = np.ones(matrix.num_entries, np.float32) if matrix.values is None else matrix.values
    integers = quantize(values[:, None], law)[:, 0].astype(np.int16) * np.int16(law.divisor)
    integers = integers - law.zero_point[0].astype(np.int16)
    sums = np.zeros(matrix.num_rows, dtype=np.int64)
    np.add.at(sums, matrix.entry_rows(), integers)
    return SparseCodes(
        pattern=CSR(matrix.indptr, matrix.indices, matrix.num_cols),
        weights=None if np.all(integers == 1) else integers,
        scale=law.scale[0],
        row_scale=features.row_scale,
        row_sums=sums.astype(np.float32),
    )


def _float(features: Features) -> Value:
    if isinstance(features.matrix, CSR):
        return SparseValues(features.matrix, features.row_scale)
    return _scaled(features)


def _scaled(features: Features) -> Float32Array:
    matrix = features.matrix
    assert isinstance(matrix, np.ndarray)
    return matrix if features.row_scale is None else matrix * features.row_scale[:, None]
