"""Coded messages: one result everywhere, and an error that does not grow with the number of steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothbit.engine import KernelBackend, PreparedGraph, Session, run_plan, same_codes
from smoothbit.formats.schema import DiffuseOp, FeaturesOp, Plan
from smoothbit.kernels import isa
from smoothbit.nn.simulation import TorchBackend
from smoothbit.numerics.affine import per_tensor_law
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.numerics.features import Features
from tests.property import strategies as own


def assert_same(run, wanted):
    assert set(run.trace) == set(wanted.trace)
    assert [name for name, value in wanted.trace.items() if not same_codes(value, run.trace[name])] == []
    np.testing.assert_array_equal(run.scores, wanted.scores)


def features_of(num_nodes, width, seed):
    return Features(np.random.default_rng(seed).normal(size=(num_nodes, width)).astype(np.float32))


@settings(deadline=None, max_examples=60)
@given(data=st.data(), width=st.integers(1, 40), graph=own.graphs(max_nodes=12))
def test_engine_reference_and_simulation_agree(data, width, graph):
    if graph.num_rows == 0:
        return
    plan = data.draw(own.coded_plans(width))
    features = features_of(graph.num_rows, width, data.draw(own.seeds))
    prepared = PreparedGraph(graph)
    wanted = run_plan(plan, prepared, features, TorchBackend(), has_trace=True)
    for name in isa.available():
        with isa.use(name):
            for threads in (1, 2, 4):
                assert_same(run_plan(plan, prepared, features, KernelBackend(threads), has_trace=True), wanted)
            ordered = PreparedGraph(graph, "degree")
            assert_same(run_plan(plan, ordered, features, KernelBackend(2), has_trace=True), wanted)
            session = Session(plan, prepared, features)
            for _ in range(2):
                np.testing.assert_array_equal(session.run().scores, wanted.scores)


def star(num_nodes):
    """Everybody sends to node 0 and node 0 to everybody but the last two, which have no neighbours."""
    others = np.arange(1, num_nodes - 2)
    rows, cols = np.concatenate([0 * others, others]), np.concatenate([others, 0 * others])
    return csr_from_coo(rows, cols, num_nodes, num_nodes)


def delta_plan(width, laws, num_bits=2, **fields):
    steps = len(laws)
    diffuse = DiffuseOp(1, steps, 0.0, 0.9, 0.1, (), (), laws[0], (None,) * steps, (*laws[1:], None), coding="delta")
    return Plan((FeaturesOp(0, width, per_tensor_law(num_bits, 0.5, 1)), replace(diffuse, **fields)), 2)


def laws_of(exponents, num_bits=2, unit=0.01):
    top = (1 << num_bits) - 1
    return [per_tensor_law(num_bits, unit * 2.0**e, top // 2, 0.5 if num_bits < 8 else 0.0) for e in exponents]


@pytest.mark.parametrize("num_bits", [1, 2, 4, 8])
@pytest.mark.parametrize("width", [1, 7, 40, 65, 128, 129, 260])
def test_sums_beyond_int16(num_bits, width):
    """A hub whose sums need int32 beside rows whose sums do not, in rows of every length of block."""
    graph, features = PreparedGraph(star(600)), features_of(600, width, width)
    plan = delta_plan(width, laws_of([6, 5, 3, 0], num_bits), num_bits)
    wanted = run_plan(plan, graph, features, TorchBackend(), has_trace=True)
    for name in isa.available():
        with isa.use(name):
            for threads in (1, 3):
                assert_same(run_plan(plan, graph, features, KernelBackend(threads), has_trace=True), wanted)


@pytest.mark.parametrize("steps", [1, 128])
def test_one_step_and_many(steps):
    graph, features = PreparedGraph(star(40)), features_of(40, 21, steps)
    plan = delta_plan(21, laws_of([max(0, 6 - k) for k in range(steps)]))
    wanted = run_plan(plan, graph, features, TorchBackend(), has_trace=True)
    for name in isa.available():
        with isa.use(name):
            assert_same(run_plan(plan, graph, features, KernelBackend(), has_trace=True), wanted)


def exact_states(graph, start, plan, steps):
    """The recurrence in float64 without quantization: u*_0 .. u*_K."""
    op, csr = plan.ops[1], graph.csr
    mean = np.zeros((csr.num_rows, csr.num_rows))
    np.add.at(mean, (csr.entry_rows(), csr.indices), 1 / np.repeat(csr.row_lengths, csr.row_lengths))
    states = [start]
    for _ in range(steps):
        u = states[-1]
        states.append(op.aggregate_weight * mean @ u + op.self_weight * u + op.skip_weight * start)
    return states


@settings(deadline=None, max_examples=60)
@given(
    graph=own.graphs(max_nodes=12).filter(lambda graph: graph.num_rows > 0),
    weights=st.sampled_from([(0.9, 0.0, 0.1), (0.5, 0.25, 0.3), (-0.6, 0.3, 1.0)]),
    steps=st.integers(1, 24),
    seed=own.seeds,
)
def test_error_of_delta_coding_is_bounded_at_every_depth(graph, weights, steps, seed):
    """docs/numerics.md, "The error does not grow with depth": sum of c^(K-k) s_k / 2, and rounding."""
    c_agg, c_self, c_skip = weights
    # Differences are at most 1.8 * 0.9**(k - 1): 8 bits of these scales clip none.
    laws = [per_tensor_law(8, 2.0 ** (-6 - k // 8), 128) for k in range(steps)]
    plan = delta_plan(3, laws, 8, aggregate_weight=c_agg, self_weight=c_self, skip_weight=c_skip)
    values = np.random.default_rng(seed).uniform(-1, 1, (graph.num_rows, 3)).astype(np.float32)
    plan = Plan((FeaturesOp(0, 3, None), plan.ops[1]), 2)
    prepared = PreparedGraph(graph)
    run = run_plan(plan, prepared, Features(values), KernelBackend(), has_trace=True)
    coded = [run.trace[f"value2.{name}"] for name in ("message", *(f"update{k}" for k in range(steps - 1)))]
    for value in coded:  # the bound is for values that no law clips
        assert value.codes().min() > 0
        assert value.codes().max() < 255
    root = np.sqrt(prepared.degree.astype(np.float64))[:, None]
    states = exact_states(prepared, values / root, plan, steps)
    c = abs(c_agg) + abs(c_self)
    bound = sum(c ** (steps - k) * law.scale[0] / 2 for k, law in enumerate(laws))
    largest = max(np.abs(state).max() for state in states) + laws[0].scale[0]
    rounding = 10 * 2.0**-24 * (1 + c) * largest / (1 - c) + 10 * 2.0**-24 * largest
    assert np.abs(run.scores / root - states[-1]).max() <= bound + rounding
    assert bound <= c / (1 - c) * max(law.scale[0] for law in laws) / 2 + 1e-12
