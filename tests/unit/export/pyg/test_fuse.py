from __future__ import annotations

import numpy as np
import pytest

from smoothbit.export.pyg.fuse import fuse
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import CombineOp, ConcatOp, FeaturesOp, LinearOp, op_sources
from smoothbit.numerics.affine import AffineLaw, per_tensor_law

LAW = per_tensor_law(8, 0.1)
FEATURES = FeaturesOp(0, 2, None)


def _linear(source, scale=None):
    values = np.array([[1, 2], [3, 0]], np.float32)
    law = per_tensor_law(2, 1.0) if scale is None else scale
    return LinearOp(source, PackedTensor.from_values(values, law), np.array([1, -1], np.float32), False, None)


def test_relu_and_quantization_join_the_layer_before():
    ops = [
        FEATURES,
        _linear(1),
        CombineOp((2,), (1.0,), has_relu=True),
        CombineOp((3,), (1.0,), output=LAW),
        _linear(4),
    ]
    plan = fuse(ops, 5)
    assert [op.kind for op in plan.ops] == ["features", "linear", "linear"]
    assert plan.ops[1].has_relu
    assert plan.ops[1].output is LAW
    assert plan.ops[2].source == 2
    assert plan.scores == 3


def test_value_that_is_read_twice_stays():
    ops = [FEATURES, _linear(1), CombineOp((2,), (1.0,), has_relu=True), CombineOp((2, 3), (1.0, 1.0))]
    assert fuse(ops, 4).ops == tuple(ops)


def test_scores_are_not_quantized_away():
    ops = [FEATURES, _linear(1), CombineOp((2,), (1.0,), output=LAW), _linear(3), ConcatOp((2, 4))]
    assert fuse(ops, 5).ops[1].output is None


def test_relu_after_quantization_stays():
    ops = [FEATURES, _linear(1), CombineOp((2,), (1.0,), output=LAW), CombineOp((3,), (1.0,), has_relu=True)]
    assert len(fuse(ops, 4).ops) == 3


@pytest.mark.parametrize("factor", [2.0, -2.0], ids=["positive", "negative"])
def test_channel_factors_join_the_weights_where_their_law_can_take_them(factor):
    scale, bias = np.array([3, factor], np.float32), np.array([10, 20], np.float32)
    plan = fuse([FEATURES, _linear(1), CombineOp((2,), (1.0,), scale=scale, bias=bias, has_relu=True)], 3)
    if factor < 0:
        assert len(plan.ops) == 3
        return
    assert len(plan.ops) == 2
    linear = plan.ops[1]
    np.testing.assert_array_equal(linear.weight.dequantize(), np.array([[3, 4], [9, 0]], np.float32))
    assert linear.bias.tolist() == [13, 18]
    assert linear.has_relu


def test_zero_points_stay_when_the_weights_are_scaled():
    law = AffineLaw(2, np.float32([1]), np.float32([1]), np.float32([0.5]))
    before = _linear(1, law)
    plan = fuse([FEATURES, before, CombineOp((2,), (1.0,), scale=np.array([2, 4], np.float32))], 3)
    expected = before.weight.dequantize() * np.array([2, 4], np.float32)
    np.testing.assert_array_equal(plan.ops[1].weight.dequantize(), expected)
    assert plan.ops[1].bias.tolist() == [2, -4]


def test_factors_of_two_combinations_multiply():
    first = CombineOp((1,), (2.0,), scale=np.array([2, 3], np.float32), bias=np.array([1, 1], np.float32))
    second = CombineOp((2,), (1.0,), scale=np.array([10, 20], np.float32), bias=np.array([5, 6], np.float32))
    (op,) = fuse([FEATURES, first, second], 3).ops[1:]
    assert op.weights == (2.0,)
    assert op.scale.tolist() == [20, 60]
    assert op.bias.tolist() == [15, 26]


def test_idle_operations_go():
    plan = fuse([FEATURES, _linear(1), _linear(1)], 3)
    assert len(plan.ops) == 2
    assert op_sources(plan.ops[1]) == [1]
    assert plan.scores == 2
