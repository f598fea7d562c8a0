from __future__ import annotations

import numpy as np
import pytest

from smoothbit.bench.check import MismatchError
from smoothbit.bench.layer import KeepingBackend, bind_dense_layer, bind_sparse_layer, packed_layer, random_weight
from smoothbit.bench.network import input_law
from smoothbit.bench.step import pack_rows
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import FeaturesOp
from smoothbit.kernels import reference
from smoothbit.numerics.affine import law_from_range
from tests.helpers import binary_features, dense_features, valued_features


def wanted_codes(inputs: np.ndarray, op, num_bits: int) -> np.ndarray:
    outputs = np.maximum(inputs @ op.weight.dequantize(), 0) / op.output.scale[0]
    return np.clip(np.rint(outputs), 0, (1 << num_bits) - 1)


@pytest.mark.parametrize("make", [binary_features, valued_features])
@pytest.mark.parametrize("num_bits", [2, 8])
def test_sparse_layer_is_the_quantized_product(make, num_bits):
    given = make()
    weight = random_weight(20, 7, seed=0)
    dense = given.to_dense()
    op = packed_layer(weight, dense @ weight, num_bits)
    features_op = FeaturesOp(0, 20, input_law(given, 8))
    checked = KeepingBackend(1)
    call = bind_sparse_layer(given, features_op, op, checked)
    codes = PackedTensor(call(), 7, op.output).codes()
    # One code: inputs of 8 bits are rounded, too, and a sum may fall on the other side of a half.
    assert np.abs(codes - wanted_codes(dense, op, num_bits)).max() <= 1
    assert checked.checked_rows > 0
    assert call() is not call()  # every call allocates its output


def test_dense_layer_is_the_quantized_product():
    inputs = dense_features().to_dense()
    weight = random_weight(20, 7, seed=0)
    op = packed_layer(weight, inputs @ weight, 8)
    source = pack_rows(inputs, law_from_range(inputs.min(), inputs.max(), 8))
    codes = PackedTensor(bind_dense_layer(source, op, KeepingBackend(1))(), 7, op.output).codes()
    assert np.abs(codes - wanted_codes(source.dequantize(), op, 8)).max() <= 1


def test_a_wrong_layer_is_refused(monkeypatch):
    inputs = dense_features().to_dense()
    weight = random_weight(20, 7, seed=0)
    op = packed_layer(weight, inputs @ weight, 8)
    source = pack_rows(inputs, law_from_range(inputs.min(), inputs.max(), 8))
    monkeypatch.setattr(reference, "gemm", lambda rows, *arguments: np.full((len(rows), 7), 255, np.uint8))
    with pytest.raises(MismatchError, match="Expected `gemm` to equal the NumPy reference"):
        bind_dense_layer(source, op, KeepingBackend(1))


def test_weights_are_reproducible():
    assert np.array_equal(random_weight(5, 4, seed=1), random_weight(5, 4, seed=1))
    assert random_weight(400, 50, seed=1).std() == pytest.approx(1 / 20, rel=0.05)
