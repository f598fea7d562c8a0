from __future__ import annotations

from smoothbit.cli.plan_table import plan_rows
from tests.golden.make_golden import tiny_delta_model, tiny_float_model, tiny_model


def test_steps_say_how_they_are_coded():
    shapes = [plan_rows(model.plan)[-1]["shape"] for model in (tiny_model(), tiny_float_model(), tiny_delta_model())]
    assert shapes == ["2 steps, corrected", "2 steps", "3 steps, delta-coded, corrected"]
    assert plan_rows(tiny_delta_model().plan)[-1]["bits"] == "message 2, aggregates 32, updates 2/32"
