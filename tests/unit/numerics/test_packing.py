from __future__ import annotations

import numpy as np
import pytest

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics.packing import pack, packed_row_bytes, padding_is_zero, unpack


@pytest.mark.parametrize(
    ("num_bits", "codes", "packed"),
    [
        (1, [1, 0, 0, 0, 0, 0, 0, 1, 1], [0b1000_0001, 0b1]),
        (2, [0, 1, 2, 3, 1], [0b11_10_01_00, 0b01]),
        (4, [1, 15, 7], [0xF1, 0x07]),
        (8, [0, 255, 7], [0, 255, 7]),
    ],
)
def test_drawn_bytes(num_bits, codes, packed):
    assert pack(np.array(codes), num_bits).tolist() == packed
    assert unpack(np.array(packed, np.uint8), num_bits, len(codes)).tolist() == codes


@pytest.mark.parametrize("num_channels", [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97])
@pytest.mark.parametrize("num_bits", [1, 2, 4, 8])
def test_inverse_at_every_length(num_bits, num_channels):
    codes = np.random.default_rng(num_channels).integers(0, 1 << num_bits, (3, num_channels), dtype=np.int64)
    packed = pack(codes, num_bits)
    assert packed.shape == (3, packed_row_bytes(num_channels, num_bits))
    assert packed.dtype == np.uint8
    assert padding_is_zero(packed, num_bits, num_channels)
    np.testing.assert_array_equal(unpack(packed, num_bits, num_channels), codes)


def test_longer_rows_unpack_alike():
    assert unpack(np.array([[0b01, 255, 255]], np.uint8), 2, 3).tolist() == [[1, 0, 0]]


def test_leading_axes_stay():
    codes = np.arange(24).reshape(2, 3, 4) % 4
    assert pack(codes, 2).shape == (2, 3, 1)
    np.testing.assert_array_equal(unpack(pack(codes, 2), 2, 4), codes)


@pytest.mark.parametrize(("row", "sound"), [([0b0011, 0], True), ([0b0100, 0], False), ([0b0011, 1], False)])
def test_padding_bits(row, sound):
    assert padding_is_zero(np.array([row], np.uint8), 2, 1) is sound


@pytest.mark.parametrize(("codes", "bad"), [([0, 4], 4), ([-1, 0], -1), ([-1, 9], -1)])
def test_codes_must_fit(codes, bad):
    with pytest.raises(ArgumentError, match=rf"`codes` to be in \[0, 3\] \(got {bad}\). Quantize before packing"):
        pack(np.array(codes), 2)


@pytest.mark.parametrize("call", [lambda: pack(np.zeros(3, int), 3), lambda: unpack(np.zeros(3, np.uint8), 3, 1)])
def test_width_must_be_known(call):
    with pytest.raises(ArgumentError, match="`num_bits` to be one of"):
        call()


@pytest.mark.parametrize("packed", [np.zeros((2, 1), np.uint8), np.zeros((2, 2), np.int8)], ids=["short", "int8"])
def test_rows_must_be_long_enough(packed):
    with pytest.raises(ShapeError, match=r"`packed` to be uint8 with rows of at least 2 bytes \(got u?int8 \[2, \d\]"):
        unpack(packed, 2, 5)
