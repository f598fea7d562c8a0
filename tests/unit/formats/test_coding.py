from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.errors import SchemaError, ValueRangeError, VersionError
from smoothbit.formats import PackedModel, read_model, write_model
from smoothbit.formats.coding import delta_grid
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from tests.golden.make_golden import tiny_delta_model, tiny_model


def delta_op(**changes):
    return replace(tiny_delta_model().plan.ops[2], **changes)


def written(path, op):
    model = tiny_delta_model()
    write_model(path, PackedModel(replace(model.plan, ops=(*model.plan.ops[:2], op)), model.info))
    return read_model(path).plan.ops[2]


def test_grid_of_the_golden_file():
    grid = delta_grid(delta_op())
    assert (grid.half, grid.exponents, grid.centers) == (np.float32(0.05), (2, 1, 0), (3, 2, 3))
    assert grid.bounds == (4 * 3, 4 * 3 + 2 * 4, 4 * 3 + 2 * 4 + 3)  # codes 0..3 are 2c - h: -3..3, -2..4, -3..3


def test_a_single_step_has_the_grid_of_its_message():
    grid = delta_grid(delta_op(num_steps=1, updates=(None,)))
    assert (grid.exponents, grid.bounds) == ((0,), (3,))


@pytest.mark.parametrize("output", [None, per_tensor_law(8, 0.7, 100)], ids=["float", "codes"])
def test_the_last_update_is_no_message(output):
    assert delta_grid(delta_op(updates=(*delta_op().updates[:-1], output))) == delta_grid(delta_op())


def test_feedback_survives_a_file(tmp_path):
    op = delta_op(coding="feedback", correction_self=(), correction_aggregate=())
    assert written(tmp_path / "m.smoothbit", op).coding == "feedback"


@pytest.mark.parametrize(("model", "version"), [(tiny_model(), "1.0"), (tiny_delta_model(), "1.2")])
def test_only_a_coding_needs_the_newer_version(tmp_path, model, version):
    write_model(tmp_path / "m.smoothbit", model)
    assert f'"format_version":"{version}"'.encode() in (tmp_path / "m.smoothbit").read_bytes()


COARSE = AffineLaw(2, np.float32([0.1, 0.1]), np.float32([1, 1]), np.float32([0, 0]), "per_channel")
TRUNCATED = AffineLaw(2, np.float32([0.1]), np.float32([1]), np.float32([0]), divisor=85)
FEEDBACK = {"coding": "feedback", "correction_self": (), "correction_aggregate": ()}
REFUSED = {
    "aggregates": (
        {"aggregates": (None, per_tensor_law(2, 1), None)},
        r"aggregates` to be null throughout where coding is delta \(got 1\)",
    ),
    "deltas": (
        {"deltas": (None, None, per_tensor_law(2, 1))},
        r"deltas` to be null throughout where coding is delta \(got 2\)",
    ),
    "delta aggregates": (
        {"delta_aggregates": (per_tensor_law(2, 1), None, None)},
        r"delta_aggregates` to be null throughout where coding is delta \(got 0\)",
    ),
    "feedback aggregates": (
        {**FEEDBACK, "aggregates": (per_tensor_law(2, 1), None, None)},
        r"aggregates` to be null throughout where coding is feedback \(got 0\)",
    ),
    "feedback corrections": (
        {"coding": "feedback"},
        r"ops\[2\].has_correction` to be false where coding is feedback \(got True\)",
    ),
    "float": (
        {"message": None, "updates": (None, None, None)},
        r"ops\[2\].coding` to be plain where `message` is null \(got 'delta'\)",
    ),
    "per channel": (
        {"message": COARSE},
        r"message` to be a per_tensor law with divisor 1 where coding is delta \(got 'per_channel, divisor 1'\)",
    ),
    "truncated": (
        {"message": TRUNCATED},
        r"message` to be a per_tensor law with divisor 1 .* \(got 'per_tensor, divisor 85'\)",
    ),
    "bits": (
        {"message": per_tensor_law(4, 0.4, 1)},
        r"updates\[0\]` to be a law of 4 bits, as the message is \(got 2\)",
    ),
    "ratio": (
        {"message": per_tensor_law(2, 0.3, 1)},
        r"message` to be a law whose scale is 0.1\d* times a power of two up to 2\*\*15 \(got 0.3",
    ),
    "too coarse": (
        {"message": per_tensor_law(2, 0.1 * 2**16, 1)},
        r"message` to be a law whose scale is 0.1\d* times a power of two up to 2\*\*15 \(got 6553",
    ),
    "center": (
        {"message": per_tensor_law(2, 0.4, 1, 0.25)},
        r"message` to be a law with 2 \* \(zero_point \+ phase\) whole \(got 2.5\)",
    ),
    "int16": (
        {"message": per_tensor_law(2, 0.1 * 2**14, 1)},
        r"ops\[2\].updates` to be laws whose messages add up to at most 32767 half units \(got 65547\)",
    ),
    "relu": (
        {"has_relu": True},
        r"ops\[2\]` to be without `has_relu` and `skip` where coding is delta \(got 'has_relu'\)",
    ),
    "skip": (
        {**FEEDBACK, "skip": 2},
        r"ops\[2\]` to be without `has_relu` and `skip` where coding is feedback \(got 'skip 2'\)",
    ),
    "first step": (
        {"correction_self": (0.5, 0.25, 0.125)},
        r"ops\[2\].correction` to be 0 at step 0 where coding is delta \(got \(0.5, 0.0\)\)",
    ),
}


@pytest.mark.parametrize(("changes", "match"), REFUSED.values(), ids=REFUSED)
def test_rules_of_a_coding(tmp_path, changes, match):
    with pytest.raises(ValueRangeError, match=match):
        written(tmp_path / "m.smoothbit", delta_op(**changes))


def test_unknown_coding(broken):
    with pytest.raises(SchemaError, match=r"ops\[2\].coding` to be one of plain, feedback, delta \(got 'gray'\)"):
        read_model(broken("tiny_delta_model", lambda parts: parts.ops[2].update(coding="gray")))


def test_unknown_coding_of_a_newer_file(broken):
    def newer(parts):
        parts.metadata["format_version"] = "1.9"
        parts.ops[2]["coding"] = "gray"

    with pytest.raises(VersionError, match="Update smoothbit"):
        read_model(broken("tiny_delta_model", newer))
