from __future__ import annotations

import numpy as np
import pytest

from smoothbit.errors import ShapeError
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.numerics.affine import per_tensor_law

LAW = per_tensor_law(2, 0.5, 1)


def test_values_become_codes_in_bytes():
    tensor = PackedTensor.from_values(np.array([[-0.5, 0, 0.5, 1, 9]], np.float32), LAW)
    assert tensor.data.tolist() == [[0b11_10_01_00, 0b11]]
    assert tensor.codes().tolist() == [[0, 1, 2, 3, 3]]
    assert tensor.dequantize().tolist() == [[-0.5, 0, 0.5, 1, 1]]
    assert (tensor.num_rows, tensor.shape, tensor.packed_bytes) == (1, (1, 5), 2)


def test_longer_rows_hold_the_same_tensor():
    tensor = PackedTensor(np.full((3, 16), 0b11, np.uint8), 1, LAW)
    assert tensor.codes().tolist() == [[3], [3], [3]]
    assert tensor.packed_bytes == 3


@pytest.mark.parametrize(
    "data",
    [np.zeros((2, 1), np.uint8), np.zeros(2, np.uint8), np.zeros((2, 2), np.int8)],
    ids=["short", "1-d", "int8"],
)
def test_data_must_be_rows_of_bytes(data):
    with pytest.raises(ShapeError, match=r"`data` to be uint8 \[N, >= 2\] \(got u?int8 \[2.*Pack 5 codes to a row"):
        PackedTensor(data, 5, LAW)
