from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from smoothbit.formats.ops import OP_FORMATS
from smoothbit.formats.schema import OP_KINDS, ModelInfo
from tests.golden.make_golden import tiny_float_model, tiny_layers_model, tiny_model


def test_every_kind_of_operation_has_a_golden_file():
    ops = [op for model in (tiny_model(), tiny_float_model(), tiny_layers_model()) for op in model.plan.ops]
    assert {op.kind for op in ops} == set(OP_KINDS) == set(OP_FORMATS)
    assert all(isinstance(op, OP_KINDS[op.kind]) for op in ops)


def test_plans_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        tiny_model().plan.scores = 1


def test_training_records_are_not_shared():
    infos = [ModelInfo("m", "none", 32, "appnp", "Cora", "public", 7, "0.1.0") for _ in range(2)]
    assert infos[0].training == {}
    assert infos[0].training is not infos[1].training
