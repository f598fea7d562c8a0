from __future__ import annotations

from smoothbit.cli.plan_table import plan_rows
from tests.golden.make_golden import tiny_delta_model, tiny_float_model, tiny_model, tiny_rows_model


def test_steps_say_how_they_are_coded():
    shapes = [plan_rows(model.plan)[-1]["shape"] for model in (tiny_model(), tiny_float_model(), tiny_delta_model())]
    assert shapes == ["2 steps, corrected", "2 steps", "3 steps, delta-coded, corrected"]
    assert plan_rows(tiny_delta_model().plan)[-1]["bits"] == "message 2, aggregates 32, updates 2/32"


def test_layers_that_scale_rows_say_so():
    assert plan_rows(tiny_rows_model().plan)[1]["bits"] == "input 4 by rows, weight 4, output 32"
