from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.errors import ArgumentError
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.plan_writer import plan_to_json
from smoothbit.formats.schema import Plan
from tests.golden.make_golden import tiny_float_model, tiny_model


def with_op(position, **fields):
    ops = list(tiny_model().plan.ops)
    ops[position] = replace(ops[position], **fields)
    return Plan(tuple(ops), 4)


def test_json_of_a_plan():
    plan, tensors = plan_to_json(tiny_model().plan)
    assert plan["ops"][1] == {
        "kind": "linear",
        "source": 1,
        "num_outputs": 5,
        "weight": 1,
        "has_bias": True,
        "has_relu": True,
        "output": 2,
    }
    assert plan["ops"][3]["deltas"] == [None, 7]
    assert sorted(tensors) == [
        "1.bias",
        "1.weight",
        "2.weight",
        "3.correction",
        "phase",
        "scale",
        "zero_point",
    ]


def test_json_of_a_float_plan():
    plan, tensors = plan_to_json(tiny_float_model().plan)
    assert (plan["laws"], plan["embedding"], plan["ops"][2]["norm"]) == ([], None, "l21")
    assert sorted(tensors) == ["1.bias", "1.weight"]


def test_row_padding_beyond_whole_bytes_is_not_written():
    weight = tiny_model().plan.ops[1].weight
    wide = np.pad(weight.data, ((0, 0), (0, 62)), constant_values=255)
    _, tensors = plan_to_json(with_op(1, weight=PackedTensor(wide, 5, weight.law)))
    np.testing.assert_array_equal(tensors["1.weight"], weight.data)


def test_corrections_of_two_lengths():
    with pytest.raises(ArgumentError, match=r"`corrections` to be two lists of one length \(got \[1, 2\]\)"):
        plan_to_json(with_op(3, correction_self=(0.5,)))


def test_corrections_must_be_float32():
    with pytest.raises(ArgumentError, match=r"`corrections` to be float32 numbers \(got 0.1\). Round"):
        plan_to_json(with_op(3, correction_self=(0.5, 0.1)))
