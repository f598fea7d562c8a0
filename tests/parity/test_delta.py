from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.kernels import DeltaStep, Epilogue, reference
from smoothbit.numerics.affine import per_tensor_law
from smoothbit.numerics.packing import pack
from tests.cases import kernel_case as case

OPERATOR = "delta_step"
NUM_ROWS = 23
# Around every group, half block and block boundary at each width.
LENGTHS = (1, 2, 8, 9, 16, 17, 33, 40, 64, 65, 97, 128, 129, 193, 256, 300)
# A step in the middle, with each part alone, and the last one.
STEPS = {
    "plain": {},
    "message": {"message_scale": 0.25},
    "corrected": {"change_scale": 0.5, "sum_change_scale": -0.5},
    "no difference": {"known_scale": 0.0},
}


def make_step(rng, num_channels, num_bits, kind, skip, output, exponent):
    """A step whose integers are those of codes around 0, with the named skip term and output."""
    step = np.float32(0.05)
    term_bits = {"codes": num_bits, "other": 9 - num_bits if num_bits == 8 else 8, "float": 32}.get(skip)
    terms = () if term_bits is None else (case.make_term(rng, NUM_ROWS, num_channels, term_bits, bool(exponent % 2)),)
    if skip == "codes":
        uniform = np.full(num_channels, 0.1, np.float32)
        terms = (replace(terms[0], step=uniform, offset=-uniform),)
    top = (1 << num_bits) - 1
    law = per_tensor_law(num_bits, 0.2, top // 2, 0.5) if output == "codes" else None
    epilogue = Epilogue(
        num_channels,
        col_scale=np.full(num_channels, step, np.float32),
        row_scale=rng.uniform(0.01, 1, NUM_ROWS).astype(np.float32),
        terms=terms,
        output_row_scale=rng.uniform(0.5, 2, NUM_ROWS).astype(np.float32) if kind == "no difference" else None,
        output=case.make_law(rng, "u4", num_channels, 8.0) if output == "other" else law,
    )
    scales = {"message_scale": 0.0, "change_scale": 0.0, "sum_change_scale": 0.0, "known_scale": step, **STEPS[kind]}
    return DeltaStep(epilogue, exponent, top, exponent > 2, **{k: np.float32(v) for k, v in scales.items()})


def run(step_function, graph, steps, num_bits, codes, **layout):
    state = kernels.delta_state(graph, steps[0].epilogue.num_channels, num_bits, 400 if num_bits < 8 else 8000)
    return [
        step_function(graph, code, num_bits, state, step, **layout) for code, step in zip(codes, steps, strict=True)
    ]


def check(compare, num_bits, length, kind, skip, output, *, extra=0, offset=0, threads=1, hub=40):
    rng = np.random.default_rng(length * 8 + num_bits)
    graph = case.make_graph(rng, NUM_ROWS, NUM_ROWS, hub)
    steps = [make_step(rng, length, num_bits, kind, skip, output, exponent) for exponent in (3, 1, 0)]
    packed = [pack(case.make_codes(rng, (NUM_ROWS, length), num_bits), num_bits) for _ in steps]
    wanted = run(reference.delta_step, graph, steps, num_bits, packed)
    placed = [case.place(data, data.shape[1] + extra, offset).array for data in packed]
    state = kernels.delta_state(graph, length, num_bits, 400 if num_bits < 8 else 8000)
    for data, step, want in zip(placed, steps, wanted, strict=True):
        out = case.make_output(step.epilogue, NUM_ROWS, 0 if step.epilogue.output is None else extra, offset)
        kernels.delta_step(graph, data, num_bits, state, step, out=out.array, num_threads=threads)
        compare.output(out, want, (num_bits, length, kind, skip, output, extra, threads))


@pytest.mark.parametrize("num_bits", case.WIDTHS)
@pytest.mark.parametrize("length", LENGTHS)
def test_lengths_strides_and_threads(compare, num_bits, length):
    for extra, offset, threads in ((0, 0, 1), (0, 1, 3), (3, 0, 4), (13, 7, 1), (32, 0, 2), (64, 3, 1)):
        check(compare, num_bits, length, "plain", "codes", "codes", extra=extra, offset=offset, threads=threads)


@pytest.mark.parametrize("num_bits", case.WIDTHS)
@pytest.mark.parametrize("kind", STEPS)
def test_parts_terms_and_outputs(compare, num_bits, kind):
    for skip in ("none", "codes", "other", "float"):
        for output in ("codes", "other", "float"):
            for length, extra in ((5, 0), (64, 32), (130, 29)):
                check(compare, num_bits, length, kind, skip, output, extra=extra, threads=2)


@pytest.mark.parametrize("num_bits", case.WIDTHS)
@pytest.mark.parametrize("hub", [0, 16, 17, 18, 84, 85, 86, 170, 254, 255, 256, 257, 258, 514])
def test_hub_at_the_bound_of_an_accumulator(compare, num_bits, hub):
    for length in (40, 128):
        check(compare, num_bits, length, "corrected", "codes", "float", hub=hub)


@pytest.fixture
def call():
    rng = np.random.default_rng(0)
    graph = case.make_graph(rng, NUM_ROWS, NUM_ROWS)
    step = make_step(rng, 12, 2, "plain", "codes", "codes", 1)
    return graph, np.zeros((NUM_ROWS, 3), np.uint8), 2, kernels.delta_state(graph, 12, 2, 9), step


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
    graph = case.make_graph(np.random.default_rng(0), NUM_ROWS, NUM_ROWS, hub=300)
    state = kernels.delta_state(graph, 12, 2, 1000)
    assert [len(state.wide_sums), state.messages.shape] == [1, (NUM_ROWS, 64)]
    assert (state.slots >= 0).tolist() == (graph.row_lengths * 1000 > 32767).tolist()
