"""Linear layers with laws for each node: of their output, or of their input as it comes (docs/numerics.md)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.engine import KernelBackend, PreparedGraph, Session, run_plan
from smoothbit.engine.runner import takes_sparse_features
from smoothbit.errors import ShapeError, ValueRangeError
from smoothbit.formats import PackedModel, PackedTensor, read_model, write_model
from smoothbit.formats.schema import DiffuseOp, FeaturesOp, LinearOp, ModelInfo, Plan
from smoothbit.nn.simulation import TorchBackend
from smoothbit.numerics import affine
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from tests.helpers import FEATURES, random_graph

NUM_NODES = 30
HIDDEN = 12
TOP = 15


def _node_law(num_nodes: int = NUM_NODES) -> AffineLaw:
    """Return 4-bit codes of which node i uses the upper 2, 4, 8 or 16: widths 1, 2, 3, 4 in turn."""
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.05, 0.4, num_nodes).astype(np.float32)
    phase = np.float32(TOP) - (np.float32(2) ** (1 + np.arange(num_nodes) % 4) - 1).astype(np.float32)
    return AffineLaw(4, scale, np.zeros_like(scale), phase, "per_node")


def _plan(law: AffineLaw) -> Plan:
    rng = np.random.default_rng(1)
    first = rng.standard_normal((20, HIDDEN)).astype(np.float32)
    second = rng.standard_normal((HIDDEN, 5)).astype(np.float32)
    grid = per_tensor_law(4, 0.3, zero_point=7)
    bias = rng.standard_normal(HIDDEN).astype(np.float32)
    return Plan(
        (
            FeaturesOp(0, 20, per_tensor_law(4, 0.25, zero_point=7)),
            LinearOp(1, PackedTensor.from_values(first, grid), bias, has_relu=True, output=law),
            LinearOp(2, PackedTensor.from_values(second, grid), bias[:5], has_relu=False, output=None),
        ),
        scores=3,
    )


@pytest.fixture
def prepared() -> PreparedGraph:
    return PreparedGraph(random_graph())


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_codes_follow_the_law_of_their_node(prepared, kind):
    plan, features = _plan(_node_law()), FEATURES[kind]()
    plan = replace(plan, ops=(replace(plan.ops[0], law=per_tensor_law(4, 0.25)), *plan.ops[1:]))
    traced = run_plan(plan, prepared, features, KernelBackend(), has_trace=True).trace
    bare = Plan((plan.ops[0], replace(plan.ops[1], output=None)), scores=2)
    values = run_plan(bare, prepared, features, KernelBackend()).scores
    codes = traced["value2.activations"].codes()
    np.testing.assert_array_equal(codes, affine.quantize(values, _node_law()))
    levels = 2.0 ** (1 + np.arange(NUM_NODES) % 4)
    assert all(len(np.unique(row)) <= count for row, count in zip(codes, levels, strict=True))


def test_next_layer_multiplies_the_dequantized_rows(prepared):
    """Float32 of 12 terms with sums below 64: 4 roundings of 2^-24 each, relative to the largest term."""
    plan, features = _plan(_node_law()), FEATURES["dense"]()
    result = run_plan(plan, prepared, features, KernelBackend(), has_trace=True)
    hidden = result.trace["value2.activations"].dequantize().astype(np.float64)
    last = plan.ops[2]
    wanted = hidden @ last.weight.dequantize().astype(np.float64) + last.bias
    np.testing.assert_allclose(result.scores, wanted, rtol=0, atol=64 * 4 * 2.0**-24)


def test_simulation_and_replay_agree(prepared):
    plan, features = _plan(_node_law()), FEATURES["dense"]()
    scores = run_plan(plan, prepared, features, KernelBackend()).scores
    np.testing.assert_array_equal(scores, run_plan(plan, prepared, features, TorchBackend()).scores)
    session = Session(plan, prepared, features)
    features.matrix[:] = features.matrix[:, ::-1].copy()
    np.testing.assert_array_equal(session.run().scores, run_plan(plan, prepared, features, KernelBackend()).scores)


def test_another_graph_is_refused(prepared):
    with pytest.raises(ShapeError, match=r"Expected `graph` to have 31 nodes, one for each step .*\(got 30\)"):
        run_plan(_plan(_node_law(31)), prepared, FEATURES["dense"](), KernelBackend())


def _info() -> ModelInfo:
    return ModelInfo("net", "a2q", 4, "gcn", "", "", 5, "0")


def test_file_keeps_the_laws(prepared, tmp_path):
    write_model(tmp_path / "m.smoothbit", PackedModel(_plan(_node_law()), _info()))
    plan = read_model(tmp_path / "m.smoothbit").plan
    for name in ("scale", "phase"):
        np.testing.assert_array_equal(getattr(plan.ops[1].output, name), getattr(_node_law(), name))
    features = FEATURES["dense"]()
    wanted = run_plan(_plan(_node_law()), prepared, features, KernelBackend()).scores
    np.testing.assert_array_equal(run_plan(plan, prepared, features, KernelBackend()).scores, wanted)
    assert b'"format_version":"1.1"' in (tmp_path / "m.smoothbit").read_bytes()


def test_zero_point_of_a_node_is_refused(tmp_path):
    law = replace(_node_law(), zero_point=np.ones(NUM_NODES, np.float32))
    with pytest.raises(ValueRangeError, match="a law without divisor and zero point"):
        write_model(tmp_path / "m.smoothbit", PackedModel(_plan(law), _info()))


def test_neighbours_cannot_add_what_differs_between_nodes(tmp_path):
    plan = _plan(_node_law())
    message = per_tensor_law(4, 0.3)
    diffuse = DiffuseOp(2, 1, 0.0, 1.0, 0.0, (), (), message=message, aggregates=(None,), updates=(message,))
    last = replace(plan.ops[2], source=3)
    packed = PackedModel(Plan((*plan.ops[:2], diffuse, last), scores=4), _info())
    with pytest.raises(ValueRangeError, match="a value with one law for all nodes"):
        write_model(tmp_path / "m.smoothbit", packed)


def _rows_plan(bits: int, zero_point: int, output: AffineLaw | None = None) -> Plan:
    rng = np.random.default_rng(2)
    packed = [
        PackedTensor.from_values(rng.standard_normal(shape).astype(np.float32), per_tensor_law(4, 0.3, zero_point=7))
        for shape in ((20, HIDDEN), (HIDDEN, 5))
    ]
    rows = per_tensor_law(bits, (1 + (zero_point > 0)) / ((1 << bits) - 1), zero_point)
    bias = rng.standard_normal(HIDDEN).astype(np.float32)
    ops = (
        FeaturesOp(0, 20, None),
        LinearOp(1, packed[0], bias, True, output, rows),
        LinearOp(2, packed[1], bias[:5], False, None, None if output else rows),
    )
    return Plan(ops, scores=3)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("is_signed", [False, True], ids=["unsigned", "signed"])
def test_rows_are_codes_times_their_largest_magnitude(prepared, bits, is_signed):
    """Float32 sums of 20 terms of at most 5 times a row's size: 4 roundings of 2^-24 each, relative to them."""
    plan, features = _rows_plan(bits, (1 << bits - 1) * is_signed), FEATURES["dense"]()
    features.matrix[3] = 0
    features.matrix[4] = 1e-45
    features.matrix[5, 0] = np.inf
    traced = run_plan(replace(plan, ops=plan.ops[:2], scores=2), prepared, features, KernelBackend(), has_trace=True)
    sizes = np.abs(features.matrix).max(axis=1, keepdims=True)
    sizes[3:5], sizes[5] = 1, np.finfo(np.float32).max
    law, layer = plan.ops[1].rows, plan.ops[1]
    codes = traced.trace["value2.inputs"].codes()
    np.testing.assert_array_equal(codes, affine.quantize(features.matrix * (np.float32(1) / sizes), law))
    assert codes[5, 0] == law.qmax
    decoded = sizes * affine.dequantize(codes, law).astype(np.float64)
    wanted = np.maximum(decoded @ layer.weight.dequantize().astype(np.float64) + layer.bias, 0)
    finite = np.arange(NUM_NODES) != 5
    error = np.abs(traced.scores - wanted)[finite] / sizes[finite]
    assert error.max() < 100 * 4 * 2.0**-24


@pytest.mark.parametrize("output", [None, per_tensor_law(4, 0.5)], ids=["float", "codes"])
def test_rows_in_simulation_and_replay(prepared, output):
    plan, features = _rows_plan(4, 8, output), FEATURES["dense"]()
    session = Session(plan, prepared, features)
    for _ in range(2):
        scores = run_plan(plan, prepared, features, KernelBackend()).scores
        np.testing.assert_array_equal(scores, session.run().scores)
        np.testing.assert_array_equal(scores, run_plan(plan, prepared, features, TorchBackend()).scores)
        features.matrix[:] = 3 * features.matrix[:, ::-1].copy()


def test_file_keeps_the_law_of_rows(tmp_path):
    write_model(tmp_path / "m.smoothbit", PackedModel(_rows_plan(4, 8), _info()))
    plan = read_model(tmp_path / "m.smoothbit").plan
    assert (plan.ops[1].rows.scale[0], plan.ops[1].rows.zero_point[0]) == (np.float32(2 / 15), 8)
    assert b'"format_version":"1.4"' in (tmp_path / "m.smoothbit").read_bytes()
    assert not takes_sparse_features(plan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": per_tensor_law(4, 0.1, 8, 0.5)}, "a law per tensor with phase 0"),
        ({"rows": _node_law(20)}, "per tensor, channel or group"),
        ({"weight": np.ones((20, HIDDEN), np.float32)}, "absent where the source has codes, or the weight has none"),
    ],
    ids=["phase", "nodes", "float weight"],
)
def test_laws_of_rows_that_are_refused(tmp_path, change, message):
    plan = _rows_plan(4, 8)
    packed = PackedModel(replace(plan, ops=(plan.ops[0], replace(plan.ops[1], **change), plan.ops[2])), _info())
    with pytest.raises(ValueRangeError, match=message):
        write_model(tmp_path / "m.smoothbit", packed)


def test_rows_of_codes_are_refused(tmp_path):
    plan = _rows_plan(4, 8)
    packed = PackedModel(replace(plan, ops=(replace(plan.ops[0], law=per_tensor_law(4, 1.0)), *plan.ops[1:])), _info())
    with pytest.raises(ValueRangeError, match="absent where the source has codes"):
        write_model(tmp_path / "m.smoothbit", packed)
