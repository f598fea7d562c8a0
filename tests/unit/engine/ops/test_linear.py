"""Linear layers whose output has a law for each node (docs/numerics.md, "Laws for each node")."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.engine import KernelBackend, PreparedGraph, Session, run_plan
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
