"""What a delta-coded step refuses, and where its sums rest; the numbers are checked in tests/parity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.testing.kernels import delta, inputs


@pytest.fixture
def call():
    rng = np.random.default_rng(0)
    graph = inputs.make_graph(rng, delta.NUM_ROWS, delta.NUM_ROWS)
    step = delta.make_step(rng, 12, 2, "plain", "codes", "codes", 1)
    return graph, np.zeros((delta.NUM_ROWS, 3), np.uint8), 2, kernels.delta_state(graph, 12, 2, 9), step


def test_other_epilogues_are_refused(call):
    graph, source, num_bits, state, step = call
    for changes in ({"has_relu": True}, {"row_scale": None}, {"terms": step.epilogue.terms * 2}):
        other = replace(step, epilogue=replace(step.epilogue, **changes))
        with pytest.raises(ArgumentError, match=r"`step.epilogue` to have a `col_scale`, .* alone \(got Epilogue"):
            kernels.delta_step(graph, source, num_bits, state, other)


def test_one_scale_for_all_channels(call):
    graph, source, num_bits, state, step = call
    other = replace(step, epilogue=replace(step.epilogue, col_scale=np.arange(12, dtype=np.float32)))
    with pytest.raises(ArgumentError, match=r"col_scale` to hold one value throughout \(got 0.0 to 11.0\)"):
        kernels.delta_step(graph, source, num_bits, state, other)


def test_a_state_of_another_width_is_refused(call):
    graph, source, num_bits, _, step = call
    other = kernels.delta_state(graph, 100, 2, 9)
    with pytest.raises(
        ShapeError, match=r"`state.messages` to be C-contiguous int16 \[23, 64\] \(got int16 \[23, 128\]"
    ):
        kernels.delta_step(graph, source, num_bits, other, step)


def test_sums_rest_in_int16_where_they_fit():
    graph = inputs.make_graph(np.random.default_rng(0), delta.NUM_ROWS, delta.NUM_ROWS, hub=300)
    state = kernels.delta_state(graph, 12, 2, 1000)
    assert [len(state.wide_sums), state.messages.shape] == [1, (delta.NUM_ROWS, 64)]
    assert (state.slots >= 0).tolist() == (graph.row_lengths * 1000 > 32767).tolist()


@pytest.mark.parametrize(
    ("num_channels", "num_bits", "stored"),
    [(7, 1, 8), (16, 2, 8), (17, 2, 4), (32, 1, 4), (33, 1, 2), (64, 2, 2), (65, 1, 1), (7, 8, 8), (40, 4, 4)],
)
def test_codes_of_narrow_rows_rest_in_more_bits(num_channels, num_bits, stored):
    assert kernels.delta_stored_bits(num_channels, num_bits) == stored
