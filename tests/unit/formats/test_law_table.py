from __future__ import annotations

import numpy as np
import pytest

from smoothbit.errors import ArgumentError, SchemaError, TensorError, ValueRangeError
from smoothbit.formats.law_table import LawWriter, check_width, read_laws
from smoothbit.formats.record import Record, TensorShelf
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from tests.unit.formats.comparison import same

RUN = [1, 2, "per_tensor", 1, 0, 1, 0]


def f32(*values):
    return np.array(values, dtype=np.float32)


def law(scale=(0.5,), zero_point=(0,), phase=(0,), **fields):
    return AffineLaw(2, f32(*scale), f32(*zero_point), f32(*phase), **fields)


def reread(laws):
    writer = LawWriter()
    indices = [writer.add(one) for one in laws]
    table = read_laws(Record(writer.to_json(), "plan"), TensorShelf(writer.tensors()))
    return indices, table, writer


def read(runs, shifts=(), scale=(1.0,), zero_point=(0,), phase=None):
    tensors = {"scale": f32(*scale), "zero_point": np.array(zero_point, np.uint8)}
    if phase is not None:
        tensors["phase"] = f32(*phase)
    return read_laws(Record({"laws": runs, "shifts": list(shifts)}, "plan"), TensorShelf(tensors))


CASES = {
    "per-tensor": law(),
    "phase": law(phase=(0.5,)),
    "minus-zero-phase": law(phase=(-0.0,)),
    "per-channel": law((1, 2, 3), (0, 1, 3), (0, 0, 0), granularity="per_channel"),
    "one-phase": law((1, 2), (0, 1), (0.5, 0.5), granularity="per_channel"),
    "own-phases": law((1, 2), (0, 1), (0.5, -256), granularity="per_channel"),
    "per-group": law((1, 2), (0, 1), (0, 0), granularity="per_group", group_size=4),
    "per-node": law((1, 2), (0, 1), (0, 0), granularity="per_node"),
    "truncated": law(zero_point=(255,), divisor=85, shift=-3),
    "smallest-scale": law((2.0**-126,)),
    "largest-scale": law((2.0**118,)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_round_trip_alone(case):
    indices, table, _ = reread([case])
    assert indices == [0]
    assert same(table, (case,))


def test_round_trip_together():
    laws = [*CASES.values(), None, *CASES.values()]
    indices, table, _ = reread(laws)
    assert same(tuple(None if i is None else table[i] for i in indices), tuple(laws))
    assert len(table) == len(CASES)


def test_equal_laws_are_stored_once_and_runs_are_joined():
    indices, _, writer = reread([per_tensor_law(2, s) for s in (1, 2, 1, 3)])
    assert indices == [0, 1, 0, 2]
    assert writer.to_json() == {"laws": [[3, 2, "per_tensor", 1, 0, 1, 0]], "shifts": []}
    assert sum(tensor.nbytes for tensor in writer.tensors().values()) == 3 * 5


def test_no_laws_no_tensors():
    indices, table, writer = reread([None])
    assert (indices, table, writer.tensors()) == ([None], (), {})


@pytest.mark.parametrize("zero_point", [0.5, -1, 256])
def test_zero_point_must_fit_a_byte(zero_point):
    writer = LawWriter()
    writer.add(law(zero_point=(zero_point,)))
    with pytest.raises(ArgumentError, match=rf"`zero_point` to be an integer in \[0, 255\] \(got {zero_point}"):
        writer.tensors()


@pytest.mark.parametrize(
    ("position", "value", "error", "match"),
    [
        (0, 0, ValueRangeError, r"`plan.laws\[0\]\[0\]` to be in \[1, 2147483647\] \(got 0\)"),
        (1, "2", SchemaError, r"`plan.laws\[0\]\[1\]` to be an integer"),
        (1, 3, ValueRangeError, r"`plan.laws\[0\]\[1\]` to be one of 1, 2, 4, 8 \(got 3\)"),
        (2, "per_edge", SchemaError, r"to be one of per_tensor, per_channel, .* \(got 'per_edge'\)"),
        (2, ["per_tensor"], SchemaError, "to be one of per_tensor"),
        (3, 2, ValueRangeError, r"`plan.laws\[0\]\[3\]` to be 1 for per_tensor \(got 2\)"),
        (4, 8, ValueRangeError, r"`plan.laws\[0\]\[4\]` to be > 0 exactly for per_group \(got 8\)"),
        (4, -1, ValueRangeError, r"to be in \[0, 2147483647\] \(got -1\)"),
        (5, 17, ValueRangeError, r"`plan.laws\[0\]\[5\]` to be 1 or 85 \(got 17\)"),
        (6, 2, ValueRangeError, r"`plan.laws\[0\]\[6\]` to be in \[0, 1\] \(got 2\)"),
    ],
)
def test_run_refusals(position, value, error, match):
    run = list(RUN)
    run[position] = value
    with pytest.raises(error, match=match):
        read([run])


@pytest.mark.parametrize(
    ("fields", "error", "match"),
    [
        ({"runs": [5]}, SchemaError, r"`plan.laws\[0\]` to be a list \(got 5\)"),
        ({"runs": [[1, 2]]}, SchemaError, r"`plan.laws\[0\]` to be a list of 7 items \(got \[1, 2\]\)"),
        (
            {"runs": [[1, 2, "per_channel", 3, 0, 1, 2]]},
            ValueRangeError,
            r"`plan.laws\[0\]\[6\]` to be 0, 1 or 3 \(got 2\)",
        ),
        (
            {"runs": [[1, 2, "per_group", 1, 0, 1, 0]]},
            ValueRangeError,
            r"> 0 exactly for per_group \(got 0\)",
        ),
        (
            {"runs": [RUN], "shifts": [0, 0]},
            SchemaError,
            r"`plan.shifts` to be empty or 1 integers \(got 2\)",
        ),
        (
            {"runs": [RUN], "shifts": [256]},
            ValueRangeError,
            r"`plan.shifts` to be in \[-255, 255\] \(got 256\)",
        ),
        (
            {"runs": [RUN], "shifts": [1]},
            ValueRangeError,
            r"`shifts` to be 0 for a law with divisor 1 \(got 1\)",
        ),
        ({"runs": [[2**15, *RUN[1:]]]}, TensorError, r"`tensor scale` to be float32 \[32768\]"),
        ({"runs": [[2**15, *RUN[1:]], RUN]}, ValueRangeError, r"`plan.laws` to be at most 32768 laws \(got 32769\)"),
        ({"runs": [RUN], "zero_point": (0, 0)}, TensorError, r"`tensor zero_point` to be uint8 \[1\]"),
        ({"runs": [[*RUN[:6], 1]]}, TensorError, r"`tensor phase` to be float32 \[1\] \(got 'nothing'\)"),
        ({"runs": [RUN], "zero_point": (4,)}, ValueRangeError, r"to be at most 3 at 2 bits \(got 4.0\)"),
        (
            {"runs": [RUN], "scale": (0.0,)},
            ValueRangeError,
            r"`tensor scale` to be in \[2\*\*-126.*got 0.0\)",
        ),
        ({"runs": [RUN], "scale": (-1.0,)}, ValueRangeError, r"got -1.0\)"),
        ({"runs": [RUN], "scale": (np.nan,)}, ValueRangeError, r"got nan\)"),
        ({"runs": [RUN], "scale": (np.inf,)}, ValueRangeError, r"got inf\)"),
        ({"runs": [RUN], "scale": (1e-40,)}, ValueRangeError, "tensor scale"),
        (
            {"runs": [[*RUN[:6], 1]], "phase": (257,)},
            ValueRangeError,
            r"phase` to be in \[-256, 256\] \(got 257.0",
        ),
        ({"runs": [[*RUN[:6], 1]], "phase": (np.nan,)}, ValueRangeError, r"phase` .*got nan"),
    ],
)
def test_table_refusals(fields, error, match):
    with pytest.raises(error, match=match):
        read(**fields)


@pytest.mark.parametrize(
    ("case", "width", "match"),
    [
        ("per-channel", 4, r"`op.output` to be a law of 4 channels \(got 3\)"),
        ("per-group", 9, r"`op.output` to be a law of 3 groups \(got 2\)"),
        ("per-group", 4, "a law of 1 groups"),
    ],
)
def test_check_width(case, width, match):
    with pytest.raises(TensorError, match=match):
        check_width(CASES[case], width, "op.output")


@pytest.mark.parametrize(("case", "width"), [("per-tensor", 9), ("per-channel", 3), ("per-group", 5), ("per-group", 8)])
def test_check_width_accepts(case, width):
    assert check_width(CASES[case], width, "op.output") is CASES[case]
