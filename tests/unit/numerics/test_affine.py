from __future__ import annotations

import numpy as np
import pytest

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics.affine import AffineLaw, dequantize, law_from_range, per_tensor_law, quantize


def f32(*values):
    return np.array(values, dtype=np.float32)


def law(num_bits=2, scale=(0.5,), zero_point=(1,), phase=(0,), **fields):
    return AffineLaw(num_bits, f32(*scale), f32(*zero_point), f32(*phase), **fields)


def test_codes_and_values_of_the_law():
    x = f32(-9, -0.5, -0.25, 0, 0.25, 0.75, 1, 9)[None]

    assert quantize(x, law()).tolist() == [[0, 0, 1, 1, 1, 3, 3, 3]]
    assert dequantize(np.arange(4)[None], law()).tolist() == [[-0.5, 0, 0.5, 1]]
    assert quantize(x, law()).dtype == np.uint8


def test_half_integer_grid():
    one_bit = law(1, (2,), (1,), (-0.5,))
    assert dequantize(np.array([[0, 1]]), one_bit).tolist() == [[-1, 1]]
    assert quantize(f32(-5, -0.1, 0.1, 5)[None], one_bit).tolist() == [[0, 0, 1, 1]]


def test_truncation():
    truncated = law(2, (1,), (0,), divisor=85)
    x = f32(0, 42, 43, 127, 128, 212, 213, 255, 999)[None]
    assert quantize(x, truncated).tolist() == [[0, 0, 1, 1, 2, 2, 3, 3, 3]]
    assert dequantize(np.arange(4)[None], truncated).tolist() == [[0, 85, 170, 255]]
    assert (truncated.fine_qmax, truncated.qmax) == (255, 3)


def test_shift_moves_codes_before_the_division():
    assert quantize(f32(33, 34)[None], law(4, (1,), (0,), divisor=17, shift=8)).tolist() == [[2, 2]]
    assert quantize(f32(33, 34, 0)[None], law(4, (1,), (0,), divisor=17, shift=-255)).tolist() == [[0, 0, 0]]
    assert quantize(f32(255)[None], law(4, (1,), (0,), divisor=17, shift=255)).tolist() == [[15]]


@pytest.mark.parametrize("num_bits", [1, 2, 4])
def test_truncation_equals_integer_rounding(num_bits):
    """For every fine code and shift one float32 multiply rounds as integers do: there are no ties."""
    qmax, divisor = (1 << num_bits) - 1, 255 // ((1 << num_bits) - 1)
    fine = np.arange(256, dtype=np.int64)
    for shift in range(-255, 256):
        truncated = law(num_bits, (1,), (0,), divisor=divisor, shift=shift)
        exact = np.clip((2 * (fine + shift) + divisor) // (2 * divisor), 0, qmax)
        np.testing.assert_array_equal(quantize(fine[None].astype(np.float32), truncated)[0], exact)


def test_parameters():
    one = law(4, (0.1,), (3,), (0.25,), divisor=17)
    assert one.inv_scale == np.float32(1) / np.float32(0.1)
    assert one.step == np.float32(0.1) * np.float32(17)
    assert one.offset == -(np.float32(0.1) * np.float32(3.25))
    assert (one.qmax, law(8).qmax, law(8).fine_qmax) == (15, 255, 255)


def test_granularities_expand():
    channel = law(2, (1, 2, 3), (0, 0, 0), (0, 0, 0), granularity="per_channel")
    group = law(2, (1, 2), (0, 0), (0, 0), granularity="per_group", group_size=3)
    node = law(2, (1, 2), (0, 0), (0, 0), granularity="per_node")
    assert law().expand(law().scale, 3).tolist() == [0.5, 0.5, 0.5]
    assert channel.expand(channel.scale, 3).tolist() == [1, 2, 3]
    assert group.expand(group.scale, 4).tolist() == [1, 1, 1, 2]
    assert node.expand(node.scale, 4).tolist() == [[1], [2]]
    assert quantize(f32(2, 2, 2)[None], channel).tolist() == [[2, 1, 1]]
    assert quantize(f32(2, 2).reshape(2, 1), node).tolist() == [[2], [1]]


@pytest.mark.parametrize(
    ("lo", "hi", "scale", "zero_point"),
    [
        (-1, 2, 1, 1),
        (0, 3, 1, 0),
        (-3, 0, 1, 3),
        (1, 3, 1, 0),
        (-3, -1, 1, 3),
        (0, 0, 1, 0),
        (-0.5, 1, 0.5, 1),
    ],
)
def test_law_from_range(lo, hi, scale, zero_point):
    made = law_from_range(lo, hi, 2)
    assert (made.scale.tolist(), made.zero_point.tolist(), made.phase.tolist()) == (
        [scale],
        [zero_point],
        [0],
    )


def test_law_from_ranges_of_channels():
    made = law_from_range(np.array([0, -2]), np.array([3, 1]), 2, "per_channel")
    assert (made.scale.tolist(), made.zero_point.tolist()) == ([1, 1], [0, 2])


def test_per_tensor_law():
    made = per_tensor_law(4, 0.5, 7, 0.25)
    assert (made.scale[0], made.zero_point[0], made.phase[0], made.granularity) == (
        0.5,
        7,
        0.25,
        "per_tensor",
    )


def test_folded_steps_may_be_made_by_several_threads_at_once(monkeypatch):
    """Without a lock around cached properties (Python 3.12) two threads may each make the table."""
    law = AffineLaw(2, np.float32([0.5]), np.float32([1]), np.float32([0]))
    tables = iter([{}, {}, {}, {}])
    monkeypatch.setattr(AffineLaw, "_folded", property(lambda self: next(tables)))
    step, offset = law.folded(0.5, 3)
    assert (step.tolist(), offset.tolist()) == ([0.25] * 3, [-0.25] * 3)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: law(3), ArgumentError, "`num_bits` to be one of 1, 2, 4, 8"),
        (lambda: law(phase=(0, 0)), ShapeError, r"`phase` to be float32 \[1\] \(got float32 \[2\]\)"),
        (
            lambda: AffineLaw(2, f32(1), np.zeros(1), f32(0)),
            ShapeError,
            r"`zero_point` to be .*\(got float64 \[1\]\)",
        ),
        (lambda: AffineLaw(2, f32(1), 0.0, f32(0)), ShapeError, r"`zero_point` to be .*\(got float \[\]\)"),
        (lambda: law(scale=(np.nan,)), ArgumentError, r"`scale` to be finite \(got \[nan\]\)"),
        (lambda: law(phase=(np.inf,)), ArgumentError, r"`phase` to be finite \(got \[inf\]\)"),
        (lambda: law(scale=(0,)), ArgumentError, r"`scale` to be a vector of numbers > 0 \(got \[0.\]\)"),
        (
            lambda: law(scale=(), zero_point=(), phase=()),
            ArgumentError,
            r"a vector of numbers > 0 \(got \[\]\)",
        ),
        (lambda: law(granularity="per_edge"), ArgumentError, r"`granularity` to be one of .*got 'per_edge'"),
        (lambda: law(2, (1, 2), (0, 0), (0, 0)), ShapeError, r"`scale` to have 1 element \(got 2\)"),
        (lambda: law(group_size=4), ArgumentError, r"`group_size` to be > 0 exactly for per_group \(got 4\)"),
        (lambda: law(granularity="per_group"), ArgumentError, r"exactly for per_group \(got 0\)"),
        (lambda: law(divisor=0), ArgumentError, r"`divisor` in \[1, 255\] and .*\(got 0, 0\)"),
        (lambda: law(divisor=85, shift=256), ArgumentError, r"`shift` in \[-255, 255\] \(got 85, 256\)"),
    ],
)
def test_refusals(make, error, match):
    with pytest.raises(error, match=match):
        make()


@pytest.mark.parametrize(("granularity", "group_size", "expected"), [("per_channel", 0, 5), ("per_group", 2, 3)])
def test_law_must_fit_the_channels(granularity, group_size, expected):
    one = law(2, (1, 2), (0, 0), (0, 0), granularity=granularity, group_size=group_size)
    with pytest.raises(ShapeError, match=rf"`scale` to have {expected} elements for 5 channels \(got 2\)"):
        quantize(np.zeros((1, 5), np.float32), one)


def test_group_wider_than_the_row_takes_no_memory():
    wide = law(2, (3,), (0,), (0,), granularity="per_group", group_size=2**31 - 1)
    assert wide.expand(wide.scale, 2).tolist() == [3, 3]
