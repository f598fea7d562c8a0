"""Quantize the node features: the first operation of every plan."""

from __future__ import annotations

import numpy as np

from smoothbit.engine.backend import Backend
from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import SparseCodes, SparseValues, Value, equal_laws, term
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.formats.graph_schema import PackedFeatures
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import FeaturesOp
from smoothbit.kernels import Epilogue
from smoothbit.numerics.affine import AffineLaw, quantize
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import Float32Array, Int16Array, UInt8Array


@OPS.register("features")
def run_features(op: FeaturesOp, context: Context) -> Value:
    """Return the features as `SparseCodes`, `PackedTensor`, `SparseValues` or float32.

    Codes at rest that the law of the model made are taken as they are; those of another law are decoded first.

    Raises:
        ShapeError: the model was trained on another number of features.
        ArgumentError: the features are sparse and the law's grid does not hold 0, or the model was trained on
            rows that hold one number and these hold others.
    """
    check_width(context.features, op)
    value = _value(context.features, op.law, context.backend)
    context.record("inputs", value)
    return value


def check_width(features: Features | PackedFeatures, op: FeaturesOp) -> None:
    """Refuse features of another width than the model was trained on.

    Raises:
        ShapeError: they are.
    """
    if features.num_features != op.num_features:
        raise ShapeError(
            f"Expected `features` to have {op.num_features} columns (got {features.num_features}). "
            "Use the data set the model was trained on."
        )


def _value(features: Features | PackedFeatures, law: AffineLaw | None, backend: Backend) -> Value:
    if isinstance(features, PackedFeatures):
        if law is not None and equal_laws(features.codes.law, law):
            if features.pattern is not None:
                _check_holds_zero(law)
                integers = _integers(features.codes.codes()[0], law)
                return _sparse_codes(features.pattern, integers, law, features.row_scale)
            if features.row_scale is None:
                return features.codes
        features = features.to_features()
    if isinstance(features.matrix, CSR):
        return SparseValues(features.matrix, features.row_scale) if law is None else _integer(features, law)
    if law is None and features.row_scale is None:
        return features.matrix
    values = _quantized(features, features.matrix, law, backend)
    return values.view(np.float32) if law is None else PackedTensor(values.view(np.uint8), features.num_features, law)


def pack_features(features: Features, law: AffineLaw, backend: Backend) -> Features | PackedFeatures:
    """Return the features as codes of `law`, or as they are where the pattern alone is all there is to keep.

    Raises:
        ArgumentError: as `run_features`.
    """
    matrix = features.matrix
    if not isinstance(matrix, CSR):
        codes = _quantized(features, matrix, law, backend).view(np.uint8)
        return PackedFeatures(PackedTensor(codes, features.num_features, law))
    _check_holds_zero(law)
    if matrix.values is None:
        return features
    pattern = matrix.pattern
    return PackedFeatures(PackedTensor.from_values(matrix.values[None], law), pattern, features.row_scale)


def _quantized(
    features: Features, matrix: Float32Array, law: AffineLaw | None, backend: Backend
) -> UInt8Array | Float32Array:
    """Return codes of dense features, or their float32 values without a law."""
    _check_row_binary(law, features)
    terms = (term(matrix, 1.0, features.row_scale),)
    return backend.combine(len(matrix), Epilogue(matrix.shape[1], terms=terms, output=law))


def is_row_binary(law: AffineLaw | None) -> bool:
    """Return whether codes of the features are 0 and 1 and mean just that: numbers of rows stand beside them."""
    return law is not None and (law.num_bits, law.scale[0], law.zero_point[0], law.phase[0]) == (1, 1, 0, 0)


def _check_row_binary(law: AffineLaw | None, features: Features) -> None:
    """Refuse dense features other than 0 and 1 for codes of 1 bit that mean 0 and 1: rounding would lose them."""
    if not is_row_binary(law):
        return
    x = features.to_dense()
    is_code = (x == 0) | (x == 1)
    if not is_code.all():
        raise ArgumentError(
            f"Expected `features` to be rows of zeros and one number, that number apart (got {x[~is_code][0]} "
            "in a dense matrix). Pass `model.features(x)`, which takes the factor out."
        )


def _check_holds_zero(law: AffineLaw) -> None:
    if law.phase[0] != 0:
        raise ArgumentError(
            f"Expected the law of sparse features to hold 0 (got phase {law.phase[0]}). "
            "Pass dense features, as the model was trained on."
        )


def _integer(features: Features, law: AffineLaw) -> SparseCodes:
    _check_holds_zero(law)
    matrix = features.matrix
    assert isinstance(matrix, CSR)
    one = _integers(quantize(np.ones((1, 1), np.float32), law)[0], law)[0]
    if matrix.values is None and one == 1:  # binary features at rest: nothing to compute for each entry
        return SparseCodes(matrix, None, law.scale[0], features.row_scale, matrix.row_lengths.astype(np.float32))
    if matrix.values is None:
        return _sparse_codes(matrix, np.full(matrix.num_entries, one), law, features.row_scale)
    integers = _integers(quantize(matrix.values[:, None], law)[:, 0], law)
    return _sparse_codes(matrix, integers, law, features.row_scale)


def _sparse_codes(matrix: CSR, integers: Int16Array, law: AffineLaw, row_scale: Float32Array | None) -> SparseCodes:
    ends = np.concatenate([[0], np.cumsum(integers, dtype=np.int64)])[matrix.indptr]
    pattern = matrix.pattern
    return SparseCodes(pattern, integers, law.scale[0], row_scale, np.diff(ends).astype(np.float32))


def _integers(codes: UInt8Array, law: AffineLaw) -> Int16Array:
    """Return ``divisor * code - zero_point`` of each code [E], int16."""
    integers: Int16Array = codes.astype(np.int16) * np.int16(law.divisor) - law.zero_point[0].astype(np.int16)
    return integers
