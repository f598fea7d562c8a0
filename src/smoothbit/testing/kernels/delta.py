"""Checks of `delta_step`: a delta-coded step, its state kept from call to call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smoothbit.kernels import DeltaStep, Epilogue, delta_state, reference
from smoothbit.numerics.affine import per_tensor_law
from smoothbit.numerics.packing import pack
from smoothbit.testing.kernels import inputs
from smoothbit.testing.kernels.subject import Subject, new_list

NUM_ROWS = 23
LENGTHS = (1, 2, 8, 9, 16, 17, 33, 40, 64, 65, 97, 128, 129, 193, 256, 300)
"""Around every group, half block and block boundary at each width."""
HUBS = (0, 16, 17, 18, 84, 85, 86, 170, 254, 255, 256, 257, 258, 514)
SCALE = 0.05
STEPS: dict[str, dict[str, float]] = {
    "plain": {},
    "message": {"message_scale": 0.25},
    "corrected": {"change_scale": 0.5, "sum_change_scale": -0.5},
    "no difference": {"known_scale": 0.0},
}
"""A step in the middle, with each part alone, and the last one."""
CHECKS = new_list()


def make_step(
    rng: np.random.Generator, num_channels: int, num_bits: int, kind: str, skip: str, output: str, exponent: int
) -> DeltaStep:
    """Return a step whose integers are those of codes around 0, with the named skip term and output."""
    term_bits = {"codes": num_bits, "other": 9 - num_bits if num_bits == 8 else 8, "float": 32}.get(skip)
    terms = []
    if term_bits is not None:
        terms.append(inputs.make_term(rng, NUM_ROWS, num_channels, term_bits, bool(exponent % 2)))
    if skip == "codes":
        uniform = np.full(num_channels, 0.1, np.float32)
        terms = [replace(terms[0], step=uniform, offset=-uniform)]
    top = (1 << num_bits) - 1
    narrow = max(num_bits // 2, 1) if output == "narrow codes" else num_bits
    law = per_tensor_law(narrow, 0.2, ((1 << narrow) - 1) // 2, 0.5) if output.endswith("codes") else None
    epilogue = Epilogue(
        num_channels,
        col_scale=np.full(num_channels, SCALE, np.float32),
        row_scale=rng.uniform(0.01, 1, NUM_ROWS).astype(np.float32),
        terms=tuple(terms),
        output_row_scale=rng.uniform(0.5, 2, NUM_ROWS).astype(np.float32) if kind == "no difference" else None,
        output=inputs.make_law(rng, "u4", num_channels, 8.0) if output == "other" else law,
        output_bits=num_bits if output == "narrow codes" else None,
        out_rows=rng.permutation(NUM_ROWS).astype(np.int32) if output == "scattered float" else None,
    )
    own = {"message_scale": 0.0, "change_scale": 0.0, "sum_change_scale": 0.0, "known_scale": SCALE, **STEPS[kind]}
    scales = {name: np.float32(value) for name, value in own.items()}
    return DeltaStep(epilogue, exponent, top, exponent > 2, **scales)


def _check(
    subject: Subject,
    num_bits: int,
    length: int,
    kind: str,
    skip: str,
    output: str,
    *,
    extra: int = 0,
    offset: int = 0,
    num_threads: int = 1,
    hub: int = 40,
) -> None:
    rng = np.random.default_rng(length * 8 + num_bits)
    graph = inputs.make_graph(rng, NUM_ROWS, NUM_ROWS, hub)
    steps = [make_step(rng, length, num_bits, kind, skip, output, exponent) for exponent in (3, 1, 0)]
    packed = [pack(inputs.make_codes(rng, (NUM_ROWS, length), num_bits), num_bits) for _ in steps]
    bound = 400 if num_bits < 8 else 8000
    wanted_state, state = (delta_state(graph, length, num_bits, bound) for _ in range(2))
    for data, step in zip(packed, steps, strict=True):
        want = reference.delta_step(graph, data, num_bits, wanted_state, step)
        placed = inputs.place(data, data.shape[1] + extra, offset).array
        out = inputs.make_output(step.epilogue, NUM_ROWS, 0 if step.epilogue.output is None else extra, offset)
        subject.call(graph, placed, num_bits, state, step, out=out.array, num_threads=num_threads)
        case = f"length={length}, skip={skip}, output={output}, extra={extra}, threads={num_threads}, hub={hub}"
        subject.output(out, want, case)


@CHECKS.add(length=LENGTHS, num_bits=inputs.WIDTHS)
def rows_of_every_length(subject: Subject, length: int, num_bits: int) -> None:
    """Strides, offsets and threads change nothing; padding becomes zero."""
    for extra, offset, num_threads in ((0, 0, 1), (0, 1, 3), (3, 0, 4), (13, 7, 1), (32, 0, 2), (64, 3, 1)):
        layout = {"extra": extra, "offset": offset, "num_threads": num_threads}
        _check(subject, num_bits, length, "plain", "codes", "codes", **layout)


@CHECKS.add(kind=tuple(STEPS), num_bits=inputs.WIDTHS)
def each_part_of_a_step(subject: Subject, kind: str, num_bits: int) -> None:
    """With every kind of skip term and output."""
    for skip in ("none", "codes", "other", "float"):
        for output in ("codes", "narrow codes", "other", "float", "scattered float"):
            for length, extra in ((5, 0), (64, 32), (130, 29)):
                _check(subject, num_bits, length, kind, skip, output, extra=extra, num_threads=2)


@CHECKS.add(hub=HUBS, num_bits=inputs.WIDTHS)
def a_hub_at_the_bound_of_an_accumulator(subject: Subject, hub: int, num_bits: int) -> None:
    """No intermediate sum saturates."""
    for length in (40, 128):
        _check(subject, num_bits, length, "corrected", "codes", "float", hub=hub)
